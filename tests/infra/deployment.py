"""The Pulumi program's resources and outputs as data."""

import json
import multiprocessing
import runpy
import sys
import warnings
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import pulumi

from confab.http.routes import EXPIRY, functions
from confab.store.users import ROLES

with warnings.catch_warnings():  # pulumi_gcp warns of its own deprecated parts on first use
    warnings.filterwarnings("ignore", "gcp.* has been deprecated", DeprecationWarning)
    import infra.gcp.program  # noqa: F401 - imported once, before the processes are forked

PROGRAM = Path(__file__).resolve().parents[2] / "infra/gcp"
PROJECT_NUMBER, INSTANCE_ID = "123456789012", "8877665544"
SECRET_SIGNATURE = "4dabf18193072939515e22adb298388d"
"""The key by which Pulumi marks a secret value."""
SECRETS = {f"confab:store{role.title()}Password": f"the-{role}-password-e09" for role in ROLES}
ROOT = {"confab:storeRootPassword": "the-root-password-3b7"}
"""The secret of a store on a machine."""
HEADERS = "confab:otlpHeaders"
"""The optional secret."""
BASE = {
    "gcp:project": "my-project",
    "confab:image": f"us-central1-docker.pkg.dev/my-project/confab-realtime/realtime@sha256:{'5e' * 32}",
}
CELLS = [
    {"name": "b", "url": "https://b.example", "concurrency": 500},
    {"name": "main", "minInstances": 1},
    {"name": "c", "takesNew": False},
]
FULL = BASE | {
    "gcp:region": "europe-west1",
    "confab:site": "my-site",
    "confab:page": "my-page",
    "confab:storeUrl": "wss://store.example",
    "confab:origins": '["https://app.example"]',
    "confab:cells": json.dumps(CELLS),
    "confab:variables": '{"CONFAB_MAX_PAGE": "100", "OTEL_TRACES_SAMPLER": "always_on",'
    ' "CONFAB_RETENTION_DAYS": "30"}',
    HEADERS: "api-key=the-key-5aa",
    "confab:alertEmails": '["ops@my.example"]',
    "confab:budget": '{"billingAccount": "01AB23-4CD56E-F78901", "amount": 50}',
}
_FORKED = multiprocessing.get_context("forkserver")
_FORKED.set_forkserver_preload([__name__])  # importing pulumi_gcp takes seconds: once


@dataclass
class Resource:
    """A resource that the program registers."""

    module: str
    """The first part of its type, such as `pubsub`."""
    type: str
    """The last part, such as `TopicIAMMember`."""
    name: str
    inputs: dict[str, Any]
    after: list[str] = field(default_factory=list)
    """The keys of its dependencies."""
    protected: bool = False
    """Whether Pulumi refuses to delete it."""
    retained: bool = False
    """Whether it stays in the cloud when Pulumi deletes it."""

    @property
    def key(self) -> str:
        """Its type and name, such as `Topic/confab-events`."""
        return f"{self.type}/{self.name}"


@dataclass
class Deployment:
    """The resources and outputs of one configuration."""

    settings: dict[str, str]
    secrets: dict[str, str]
    resources: list[Resource]
    outputs: dict[str, Any]

    def all(self, kind: str) -> list[Resource]:
        return [resource for resource in self.resources if resource.type == kind]

    def one(self, key: str) -> Resource:
        (found,) = [resource for resource in self.resources if resource.key == key]
        return found

    def containers(self) -> list[Resource]:
        """Return the Cloud Run services; an enabled API is a `Service` too."""
        return [resource for resource in self.all("Service") if resource.module == "cloudrunv2"]

    @property
    def project(self) -> str:
        return self.settings["gcp:project"]

    @property
    def region(self) -> str:
        return self.settings.get("gcp:region", "us-central1")

    @property
    def functions(self) -> list[str]:
        """The entry points of its functions."""
        expires = "CONFAB_RETENTION_DAYS" in self.settings.get("confab:variables", "")
        return [*functions(), *([EXPIRY] if expires else [])]

    @property
    def cells(self) -> dict[str, bool]:
        """Whether a cell takes new conversations, by name."""
        cells = json.loads(self.settings.get("confab:cells", '[{"name": "main"}]'))
        return {cell["name"]: cell.get("takesNew", True) for cell in cells}


class Cloud(pulumi.runtime.Mocks):
    """Records every resource that the program registers."""

    def __init__(self) -> None:
        self.resources: dict[tuple[str, str], Resource] = {}

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        """Return the id, and the inputs with the outputs that Google Cloud adds."""
        module, kind = args.typ.split(":")[1].split("/")[0], args.typ.rpartition(":")[2]
        if args.typ.startswith("gcp:"):
            self.resources[args.typ, args.name] = Resource(module, kind, args.name, plain(args.inputs))
        return f"id-of-{args.name}", {**args.inputs, **outputs_of(kind, args.inputs)}

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        """Return the response to the program's only lookup."""
        assert args.token == "gcp:organizations/getProject:getProject", args.token
        return {**args.args, "number": PROJECT_NUMBER}, []


class Monitor(pulumi.runtime.mocks.MockMonitor):
    """Adds its dependencies to each recorded resource."""

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(cloud)
        self._resources = cloud.resources

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the protocol's name
        response = super().RegisterResource(request)
        if (resource := self._resources.get((request.type, request.name))) is not None:
            urns = (urn.rpartition("::") for urn in request.dependencies)
            resource.protected, resource.retained = request.protect, request.retainOnDelete
            resource.after = [f"{kind.rpartition(':')[2]}/{name}" for kind, _, name in urns]
        return response


def outputs_of(kind: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the outputs of a resource that are not inputs."""
    project = f"projects/{inputs.get('project')}"
    match kind:
        case "Account":
            email = f"{inputs['accountId']}@{inputs['project']}.iam.gserviceaccount.com"
            return {"email": email, "name": f"{project}/serviceAccounts/{email}"}
        case "Function":
            return {"serviceConfig": {**inputs["serviceConfig"], "uri": f"https://{inputs['name']}.run.app"}}
        case "IAMCustomRole":
            return {"name": f"{project}/roles/{inputs['roleId']}"}
        case "SecretVersion":
            return {"version": "1", "name": f"{inputs['secret']}/versions/1"}
        case "NotificationChannel":
            return {"name": f"{project}/notificationChannels/{inputs['displayName']}"}
        case _:
            return {"instanceId": INSTANCE_ID} if kind == "Instance" else {}


def plain(value: Any) -> Any:
    """Return a value as JSON, a secret as `{"secret": value}`."""
    if isinstance(value, dict):
        secret = SECRET_SIGNATURE in value
        return {"secret": plain(value["value"])} if secret else {k: plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return sorted(value.assets) if isinstance(value, pulumi.AssetArchive) else value


def _program(config: dict[str, str], secrets: dict[str, str]) -> tuple[list[Resource], dict[str, Any]]:
    cloud, outputs = Cloud(), dict[str, Any]()
    pulumi.runtime.set_mocks(cloud, project="confab", stack="test", monitor=Monitor(cloud))
    pulumi.runtime.set_all_config({**config, **secrets}, secret_keys=list(secrets))
    with (
        mock.patch.object(pulumi, "export", outputs.__setitem__),
        mock.patch.object(sys, "path", sys.path[:]),
    ):
        pulumi.runtime.test(lambda: runpy.run_path(str(PROGRAM), run_name="__main__") and None)()
    resolved: list[str] = []
    pulumi.runtime.test(lambda: pulumi.Output.json_dumps(outputs).apply(resolved.append))()
    return list(cloud.resources.values()), json.loads(resolved[0])


def run(config: dict[str, str], secrets: dict[str, str]) -> tuple[list[Resource], dict[str, Any]]:
    """Run the program in its own process, because Pulumi keeps state and an event loop in globals.

    Raises RunError for an invalid configuration.
    """
    with ProcessPoolExecutor(1, mp_context=_FORKED) as process:
        return process.submit(_program, config, secrets).result(timeout=100)


def deployed(config: Mapping[str, str]) -> Deployment:
    """Return the deployment of the configuration; do not change it."""
    return _deployed(tuple(sorted(config.items())))


@cache
def _deployed(config: tuple[tuple[str, str], ...]) -> Deployment:
    settings = dict(config)
    secrets = SECRETS | ({HEADERS: settings.pop(HEADERS)} if HEADERS in settings else {})
    secrets |= {} if "confab:storeUrl" in settings else ROOT
    return Deployment(settings, secrets, *run(settings, secrets))
