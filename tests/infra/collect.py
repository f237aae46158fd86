"""`python tests/infra/collect.py ARGUMENTS` runs the Pulumi program against mocks and prints what it makes.

A process of its own: Pulumi keeps its state and an event loop in globals. ARGUMENTS are those of
`main` as JSON; what is made is one JSON object on standard output.
"""

import importlib
import json
import runpy
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import pulumi

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "infra/gcp"
PROJECT_NUMBER = "123456789012"
SECRET_SIGNATURE = "4dabf18193072939515e22adb298388d"
"""How Pulumi marks a value that is not an ordinary one."""


class Cloud(pulumi.runtime.Mocks):
    """Makes everything that it is asked for, and remembers it."""

    def __init__(self) -> None:
        self.made: list[dict[str, Any]] = []

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        """What the cloud would add to the inputs."""
        self.made.append({"type": args.typ, "name": args.name, "inputs": plain(args.inputs)})
        return f"id-of-{args.name}", {**args.inputs, **added(args.typ, args.inputs)}

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        """The answer to the only question that the program asks."""
        assert args.token == "gcp:organizations/getProject:getProject", args.token
        return {**args.args, "number": PROJECT_NUMBER}, []


class Monitor(pulumi.runtime.mocks.MockMonitor):
    """Notes beside each resource what it waits for, as `Type/name`."""

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(cloud)
        self._cloud = cloud

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the protocol's name
        """The answer of the mocks."""
        answer = super().RegisterResource(request)
        after = [thing(urn) for urn in request.dependencies]
        for made in self._cloud.made:  # others are registered at the same time
            if (made["type"], made["name"]) == (request.type, request.name):
                made["after"] = after
        return answer


def thing(urn: str) -> str:
    """The last part of the type, and the name, of what Pulumi calls like this."""
    kind, _, name = urn.rpartition("::")
    return f"{kind.rpartition(':')[2]}/{name}"


def added(kind: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """The outputs of a resource that its inputs do not have."""
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
    if isinstance(value, pulumi.AssetArchive):
        return sorted(value.assets)
    return value


def main(config: dict[str, str], secrets: dict[str, str], spoiled: str | None = None) -> None:
    """Run the program as Pulumi does, from its folder's path; spoiled in this way, if in any."""
    if spoiled is not None:
        sys.path[:0] = [str(ROOT), str(ROOT / "functions")]
        importlib.import_module("tests.infra.spoilers").SPOILERS[spoiled]()
    cloud, outputs = Cloud(), dict[str, Any]()
    pulumi.runtime.set_mocks(cloud, project="confab", stack="test", monitor=Monitor(cloud))
    pulumi.runtime.set_all_config({**config, **secrets}, secret_keys=list(secrets))
    with mock.patch.object(pulumi, "export", outputs.__setitem__):
        pulumi.runtime.test(lambda: runpy.run_path(str(PROGRAM), run_name="__main__") and None)()
    resolved: list[str] = []
    pulumi.runtime.test(lambda: pulumi.Output.json_dumps(outputs).apply(resolved.append))()
    json.dump({"resources": cloud.made, "outputs": json.loads(resolved[0])}, sys.stdout)


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
