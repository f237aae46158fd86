"""What the Pulumi stack keeps between deployments. It holds wherever nothing else is said."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.deploy.runner import DeployError, Runner
from infra.deploy.target import PROGRAM, REGION, Target

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
"""The keys that say where things and data are. With another value, what is there is left behind."""
_DEFAULTS = {"confab:storeNamespace": "confab", "confab:storeDatabase": "confab"}
_NO_STACK = "no stack named"


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where what was deployed is, as the stack says."""

    web_url: str
    site: str
    rewrites: Sequence[Mapping[str, Any]]
    realtime_urls: Sequence[str]


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
    """What is asked for; where nothing is, what the stack keeps."""
    kept, trouble = _read(runner, stack)
    store = {variable: kept[key] for variable, key in VARIABLES.items() if key in kept}
    return Target(
        project=project,
        region=region or kept.get("gcp:region", REGION),
        stack=stack,
        site=site or kept.get("confab:site"),
        env={**env, **{name: env.get(name) or value for name, value in store.items()}},
        store_elsewhere=store_elsewhere,
        kept=kept,
        trouble=trouble,
        move=move,
    )


def settings(target: Target, image: str) -> Mapping[str, str]:
    """What the stack shall keep, by key."""
    asked = {key: target.env.get(variable) for variable, key in VARIABLES.items()}
    asked |= {"gcp:region": target.region, "confab:site": target.site_id}
    asked["confab:image"] = image
    # Firebase's API takes a person's credentials only with a project to count the calls on.
    asked |= {"gcp:project": target.project, "gcp:billingProject": target.project}
    asked |= {"gcp:userProjectOverride": "true"}
    return _DEFAULTS | dict(target.kept) | {key: value for key, value in asked.items() if value}


def moves(target: Target) -> Sequence[str]:
    """What the target has elsewhere than the stack, in words."""
    asked = settings(target, "")
    return [
        f"{title} is {target.kept[key]}, not {asked[key]}"
        for key, title in PLACES.items()
        if key in target.kept and target.kept[key] != asked[key]
    ]


def outputs(runner: Runner, target: Target) -> Outputs:
    """Where what was deployed is. Raises DeployError if the stack does not say."""
    answer = runner.ask(*pulumi(target.stack, "stack", "output", "--json"))
    try:
        found: Mapping[str, Any] = json.loads(answer.out)
        return Outputs(found["webUrl"], found["site"], found["rewrites"], found["realtimeUrls"])
    except (ValueError, KeyError, TypeError):
        raise DeployError(f"the stack does not say where it is: {answer.trouble}") from None


def _read(runner: Runner, stack: str) -> tuple[Mapping[str, str], str | None]:
    """The stack's settings, secrets too, and what is wrong where they cannot be read."""
    answer = runner.ask(*pulumi(stack, "config", "--json", "--show-secrets"))
    if not answer.ok:
        return {}, None if _NO_STACK in answer.err else answer.trouble
    try:
        found: Mapping[str, Any] = json.loads(answer.out)
        return {key: each["value"] for key, each in found.items() if "value" in each}, None
    except (ValueError, TypeError, AttributeError):
        return {}, "pulumi does not say its settings as JSON"
