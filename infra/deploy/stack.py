"""What the Pulumi stack keeps between deployments, which holds wherever no option says otherwise."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from infra.deploy.runner import DeployError, Runner
from infra.deploy.target import PROGRAM, REGION, ROOT, Target
from infra.probes.probe import Failure

VARIABLES = {
    "SURREALDB_URL": "confab:storeUrl",
    "SURREALDB_NAMESPACE": "confab:storeNamespace",
    "SURREALDB_DATABASE": "confab:storeDatabase",
    "SURREALDB_USER": "confab:storeUser",
    "SURREALDB_PASSWORD": "confab:storePassword",
}
"""What the environment says of the store, and the keys that keep it."""
PLACES = {
    "gcp:region": "the region",
    "confab:site": "the site",
    "confab:storeUrl": "the store",
    "confab:storeNamespace": "the store's namespace",
    "confab:storeDatabase": "the store's database",
}
"""The keys that say where things and data are. With another value, what is there would be abandoned."""
_DEFAULTS = {"confab:storeNamespace": "confab", "confab:storeDatabase": "confab"}
_NO_STACK = "no stack named"


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where what was deployed is, as the stack says."""

    web_url: str
    site: str
    rewrites: Sequence[Mapping[str, Any]]
    variables: Mapping[str, str]
    """What the functions and containers have."""


def pulumi(stack: str, *words: str) -> tuple[str, ...]:
    """A command of Pulumi on this stack."""
    return ("pulumi", *words, "--cwd", PROGRAM, "--stack", stack, "--non-interactive")


def target_of(
    runner: Runner,
    env: Mapping[str, str],
    *,
    project: str,
    stack: str,
    region: str | None = None,
    site: str | None = None,
    store_elsewhere: bool = False,
    move: bool = False,
) -> Target:
    """What the options and variables say; what they leave out, the stack keeps."""
    found, trouble = kept(runner, stack)
    store = {variable: found[key] for variable, key in VARIABLES.items() if key in found}
    return Target(
        project=project,
        region=region or found.get("gcp:region", REGION),
        stack=stack,
        site=site or found.get("confab:site"),
        env={**env, **{name: env.get(name) or value for name, value in store.items()}},
        store_elsewhere=store_elsewhere,
        kept=found,
        trouble=trouble,
        move=move,
    )


def settings(target: Target, image: str) -> Mapping[str, str]:
    """What the stack is to keep, by key."""
    asked = {key: target.env.get(variable) for variable, key in VARIABLES.items()}
    asked |= {"gcp:region": target.region, "confab:site": target.site_id}
    asked["confab:image"] = image
    # Firebase's API takes a person's credentials only with a project to count the calls on.
    asked |= {"gcp:project": target.project, "gcp:billingProject": target.project}
    asked |= {"gcp:userProjectOverride": "true"}
    return _DEFAULTS | dict(target.kept) | {key: value for key, value in asked.items() if value}


def moves(target: Target) -> Sequence[str]:
    """In which places the target and the stack differ."""
    asked = settings(target, "")
    return [
        f"{title} is {target.kept[key]}, not {asked[key]}"
        for key, title in PLACES.items()
        if key in target.kept and target.kept[key] != asked[key]
    ]


def outputs(runner: Runner, stack: str) -> Outputs:
    """Where what was deployed is. Raises DeployError if the stack does not say."""
    answer = runner.ask(*pulumi(stack, "stack", "output", "--json"))
    try:
        found: Mapping[str, Any] = json.loads(answer.out)
        return Outputs(found["webUrl"], found["site"], found["rewrites"], dict(found["variables"]))
    except (ValueError, KeyError, TypeError):
        trouble = "deploy it again" if answer.ok else answer.trouble
        raise DeployError(f"the stack {stack} does not say where it is: {trouble}") from None


def kept(runner: Runner, stack: str) -> tuple[Mapping[str, str], str | None]:
    """The stack's settings, secrets too, and what is wrong where they cannot be read."""
    answer = runner.ask(*pulumi(stack, "config", "--json", "--show-secrets"))
    if not answer.ok:
        return {}, None if _NO_STACK in answer.err else answer.trouble
    try:
        found: Mapping[str, Any] = json.loads(answer.out)
        return {key: each["value"] for key, each in found.items() if "value" in each}, None
    except (ValueError, TypeError, AttributeError):
        return {}, "pulumi prints no JSON"


def _manifest() -> Mapping[str, Any]:
    """The Pulumi program's."""
    found: Mapping[str, Any] = yaml.safe_load((ROOT / PROGRAM / "Pulumi.yaml").read_text())
    return found


def packages(*_: object) -> str:
    """The Pulumi program's provider, in the virtual environment that the program names."""
    environment = ROOT / PROGRAM / _manifest()["runtime"]["options"]["virtualenv"]
    if not list(environment.glob("lib/python3.*/site-packages/pulumi_gcp")):
        raise Failure("pulumi_gcp is not installed")
    return "pulumi_gcp is installed"


def encryption(runner: Runner, target: Target) -> str:
    """Pulumi Cloud encrypts secrets by itself; elsewhere Pulumi needs a passphrase or a key service."""
    answer = runner.ask("pulumi", "whoami", "--verbose")
    if not answer.ok:
        raise Failure(answer.trouble)
    found = re.search(r"Backend URL: (\S+)", answer.out)
    if found is None or found[1].startswith(("https://", "http://")):
        return "Pulumi Cloud encrypts secrets"
    if file := target.env.get("PULUMI_CONFIG_PASSPHRASE_FILE"):
        if not Path(file).is_file():
            raise Failure(f"PULUMI_CONFIG_PASSPHRASE_FILE: there is no {file}")
        return "a passphrase encrypts secrets"
    if "PULUMI_CONFIG_PASSPHRASE" in target.env:
        return "a passphrase encrypts secrets"
    stack_file = ROOT / PROGRAM / _manifest()["stackConfigDir"] / f"Pulumi.{target.stack}.yaml"
    settings = yaml.safe_load(stack_file.read_text()) if stack_file.exists() else None
    if (settings or {}).get("secretsprovider", "passphrase") == "passphrase":
        raise Failure(f"PULUMI_CONFIG_PASSPHRASE_FILE is not set, and the state is at {found[1]}")
    return "a key service encrypts secrets"


def same_project(_: Runner, target: Target) -> str:
    """A new stack, or one of this project: with another's, all in that would be replaced."""
    project = target.kept.get("gcp:project", target.project)
    if target.trouble or project != target.project:
        raise Failure(target.trouble or f"it is of the project {project}")
    return target.stack if target.kept else f"{target.stack} is new"


def places(_: Runner, target: Target) -> str:
    """Everything goes where the stack has it."""
    if (found := moves(target)) and not target.move:
        raise Failure("; ".join(found))
    return f"{target.site_id} in {target.region}"
