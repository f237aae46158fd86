"""The resources that the program makes, by kind and name, without running it.

`pulumi preview` lists them too, but needs a stack, credentials and the cloud. Tests hold this list to the
program.
"""

from collections.abc import Collection, Mapping, Sequence

from confab.domain.cells import topic_of
from confab.http.routes import EXPIRY, functions
from infra.gcp.alerts import policies
from infra.gcp.identities import ROLES
from infra.gcp.names import BUILDER, PREFIX, STORE, realtime_of, service_of
from infra.gcp.project import APIS, PAGE_APIS, REPOSITORY
from infra.gcp.retention import SCHEDULER
from infra.gcp.settings import CREDENTIALS, OPTIONAL, Settings
from infra.gcp.signals import SIGNALS
from infra.gcp.store import SCHEMA_JOB
from infra.gcp.variables import configuration, variables

KINDS = {
    "projects/Service": "API, enabled",
    "projects/IAMCustomRole": "role",
    "serviceaccount/Account": "service account",
    "secretmanager/Secret": "secret",
    "cloudfunctionsv2/Function": "function",
    "cloudrunv2/Service": "container",
    "cloudrunv2/Job": "job",
    "cloudscheduler/Job": "schedule",
    "pubsub/Topic": "topic",
    "artifactregistry/Repository": "image repository",
    "storage/Bucket": "bucket",
    "compute/Network": "network",
    "compute/Subnetwork": "subnet",
    "compute/Firewall": "firewall rule",
    "compute/Instance": "machine",
    "compute/Disk": "disk, protected",
    "compute/ResourcePolicy": "snapshot schedule, daily",
    "logging/Metric": "log-based metric",
    "monitoring/AlertPolicy": "alert policy",
    "monitoring/NotificationChannel": "notification channel",
    "monitoring/Dashboard": "dashboard",
    "firebase/HostingSite": "Hosting site",
}
"""By the type of resource, in the order of the list; permissions and what is inside of these have no line."""


def planned(
    settings: Settings, project_number: str, optional: Collection[str] = OPTIONAL
) -> Mapping[str, Sequence[str]]:
    """Return the names of the resources by a key of KINDS. Raises SettingsError.

    `optional` are the optional secret keys that the stack has.
    """
    env = variables(settings, project_number)
    retention = [EXPIRY] if configuration(env).retention_days else []
    services = [service_of(name) for name in (*functions(), *retention)]
    containers = [realtime_of(cell.name) for cell in settings.cells]
    machine = [] if settings.store_url else [STORE]
    jobs = [SCHEMA_JOB for _ in machine]
    disk = [] if settings.store_machine.disk else machine
    subnets = [name for each in machine for name in (f"{each}-clients", each)]
    credentials = [name for name, key in CREDENTIALS.items() if key not in OPTIONAL or key in optional]
    secrets = [PREFIX + name.lower().replace("_", "-") for name in credentials]
    apis = [*APIS, *(PAGE_APIS if settings.page else ())]
    apis += [*("cloudscheduler" for _ in retention), *("compute" for _ in machine)]
    names = {
        "projects/Service": [f"{name}.googleapis.com" for name in apis],
        "projects/IAMCustomRole": [*ROLES],
        "serviceaccount/Account": [
            *services,
            *containers,
            BUILDER,
            *(SCHEDULER for _ in retention),
            *machine,
            *jobs,
        ],
        "secretmanager/Secret": [*secrets, *(f"{each}-users" for each in machine)],
        "cloudfunctionsv2/Function": services,
        "cloudrunv2/Service": containers,
        "cloudrunv2/Job": jobs,
        "cloudscheduler/Job": [service_of(name) for name in retention],
        "pubsub/Topic": [topic_of(cell.name) for cell in settings.cells],
        "artifactregistry/Repository": [REPOSITORY, *machine],
        "storage/Bucket": [f"{PREFIX}source-{project_number}"],
        **dict.fromkeys(("compute/Network", "compute/Firewall", "compute/Instance"), machine),
        "compute/Subnetwork": subnets,
        "compute/Disk": disk,
        "compute/ResourcePolicy": machine,
        "logging/Metric": [*SIGNALS],
        "monitoring/AlertPolicy": [each.title for each in policies(with_machine=bool(machine)).values()],
        "monitoring/NotificationChannel": settings.alert_emails,
        "monitoring/Dashboard": ["Confab"],
        "firebase/HostingSite": [settings.page] if settings.page else [],
    }
    return {kind: names[kind] for kind in KINDS if names[kind]}
