"""Runs the Pulumi program against mocks; `deployment.run` forks a process for each run."""

import json
import runpy
import sys
import warnings
from pathlib import Path
from typing import Any
from unittest import mock

import pulumi

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "infra/gcp"
PROJECT_NUMBER = "123456789012"
SECRET_SIGNATURE = "4dabf18193072939515e22adb298388d"
"""How Pulumi marks a value that is not an ordinary one."""

with warnings.catch_warnings():  # pulumi_gcp warns of deprecated parts of its own when they are first used
    warnings.filterwarnings("ignore", "gcp.* has been deprecated", DeprecationWarning)
    import infra.gcp.program  # noqa: F401 - imported once, before the processes are forked


class Cloud(pulumi.runtime.Mocks):
    """Makes every resource that it is asked for, and records it."""

    def __init__(self) -> None:
        self.made: list[dict[str, Any]] = []

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        """The id, and the inputs with what the cloud would add."""
        self.made.append({"type": args.typ, "name": args.name, "inputs": plain(args.inputs)})
        return f"id-of-{args.name}", {**args.inputs, **added(args.typ, args.inputs)}

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        """The response to the only lookup of the program."""
        assert args.token == "gcp:organizations/getProject:getProject", args.token
        return {**args.args, "number": PROJECT_NUMBER}, []


class Monitor(pulumi.runtime.mocks.MockMonitor):
    """Adds to each recorded resource what it depends on, as `Type/name`."""

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(cloud)
        self._cloud = cloud

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the protocol's name
        """The response of the mocks."""
        response = super().RegisterResource(request)
        for made in self._cloud.made:  # others are registered at the same time
            if (made["type"], made["name"]) == (request.type, request.name):
                made["after"] = [_short(urn) for urn in request.dependencies]
        return response


def _short(urn: str) -> str:
    kind, _, name = urn.rpartition("::")
    return f"{kind.rpartition(':')[2]}/{name}"


def added(kind: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """The outputs of a resource beyond its inputs."""
    match kind.rpartition(":")[2]:
        case "Account":
            email = f"{inputs['accountId']}@{inputs['project']}.iam.gserviceaccount.com"
            return {"email": email, "name": f"projects/{inputs['project']}/serviceAccounts/{email}"}
        case "IAMCustomRole":
            return {"name": f"projects/{inputs['project']}/roles/{inputs['roleId']}"}
        case "SecretVersion":
            return {"version": "1"}
        case "NotificationChannel":
            return {"name": f"projects/{inputs['project']}/notificationChannels/{inputs['displayName']}"}
        case _:
            return {}


def plain(value: Any) -> Any:
    """A value as JSON; a secret is an object that says so."""
    if isinstance(value, dict):
        if SECRET_SIGNATURE in value:
            return {"secret": plain(value["value"])}
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return sorted(value.assets) if isinstance(value, pulumi.AssetArchive) else value


def program(config: dict[str, str], secrets: dict[str, str]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Resources and outputs of the program, run as Pulumi does. Raises RunError for a bad configuration."""
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
    return cloud.made, json.loads(resolved[0])
