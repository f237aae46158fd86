"""The resources that the program makes, by kind and name, without running it.

`pulumi preview` lists them too, but needs a stack, credentials and the cloud. Tests hold this list to the
program.
"""

import tomllib
from collections.abc import Collection, Mapping, Sequence
from itertools import chain
from pathlib import Path

from confab.domain.cells import topic_of
from confab.http.routes import EXPIRY, functions
from infra.gcp.alerts import policies
from infra.gcp.identities import ROLES
from infra.gcp.names import BUILDER, PREFIX, SCHEMA_JOB, STORE, realtime_of, service_of
from infra.gcp.project import RELEASES, REPOSITORY, apis_of
from infra.gcp.retention import SCHEDULER
from infra.gcp.settings import OPTIONAL, PASSWORDS, Settings, StoreMachine
from infra.gcp.shared import password_of, secret_of
from infra.gcp.signals import SIGNALS
from infra.gcp.variables import configuration, variables

RESOURCES = tomllib.loads(Path(__file__).with_name("resources.toml").read_text("utf-8"))
"""By type of resource."""
KINDS = {kind: each["shown"] for kind, each in RESOURCES.items() if "shown" in each}


def planned(
    settings: Settings, project_number: str, optional: Collection[str] = frozenset(OPTIONAL.values())
) -> Mapping[str, Sequence[str]]:
    """Return the names of the resources by a key of KINDS. Raises SettingsError.

    `optional` are the optional secret keys that the stack has.
    """
    retention = [EXPIRY] if configuration(variables(settings, project_number)).retention_days else []
    processes = {
        "cloudfunctionsv2/Function": [service_of(name) for name in (*functions(), *retention)],
        "cloudrunv2/Service": [realtime_of(cell.name) for cell in settings.cells],
    }
    secrets = [
        *map(password_of, PASSWORDS),
        *(secret_of(name) for name, key in OPTIONAL.items() if key in optional),
    ]
    rest = {
        "projects/Service": [f"{api}.googleapis.com" for api in apis_of(settings)],
        "projects/IAMCustomRole": [*ROLES],
        "serviceaccount/Account": [BUILDER, *chain(*processes.values())],
        "secretmanager/Secret": [PREFIX + name for name in secrets],
        "pubsub/Topic": [topic_of(cell.name) for cell in settings.cells],
        "artifactregistry/Repository": [REPOSITORY, RELEASES],
        "storage/Bucket": [f"{PREFIX}source-{project_number}"],
        "logging/Metric": [*SIGNALS],
        "monitoring/AlertPolicy": [p.title for p in policies(with_machine=not settings.store_url).values()],
        "monitoring/NotificationChannel": settings.alert_emails,
        "monitoring/Dashboard": ["Confab"],
        "billing/Budget": [f"Confab in {settings.project}"] if settings.budget else [],
        "firebase/HostingSite": [settings.page] if settings.page else [],
    }
    expiry = _EXPIRY if retention else {}
    parts = (processes, rest, expiry, {} if settings.store_url else _machine(settings.store_machine))
    found = {kind: [name for part in parts for name in part.get(kind, ())] for kind in KINDS}
    return {kind: names for kind, names in found.items() if names}


_EXPIRY: Mapping[str, Sequence[str]] = {
    "projects/Service": ["cloudscheduler.googleapis.com"],
    "serviceaccount/Account": [SCHEDULER],
    "cloudscheduler/Job": [service_of(EXPIRY)],
}


def _machine(settings: StoreMachine) -> Mapping[str, Sequence[str]]:
    """Return what belongs to the store's machine."""
    one = ("Network", "Firewall", "Instance", "ResourcePolicy", *(() if settings.disk else ("Disk",)))
    return {
        **{f"compute/{kind}": [STORE] for kind in one},
        "compute/Subnetwork": [f"{STORE}-clients", STORE],
        "projects/Service": ["compute.googleapis.com"],
        "serviceaccount/Account": [STORE, SCHEMA_JOB],
        "secretmanager/Secret": [f"{STORE}-users"],
        "cloudrunv2/Job": [SCHEMA_JOB],
        "artifactregistry/Repository": [STORE],
    }
