"""The Pulumi stack: the settings that it keeps between deployments, and its outputs."""

import argparse
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

import yaml

from confab.store.users import ROLES, Role, name_of
from infra.deploy.runner import DeployError, Runner
from infra.deploy.target import MANAGED, PROGRAM, REGION, ROOT, Target, page_of
from infra.gcp.settings import PASSWORDS as KEYS
from infra.gcp.settings import ROOT_PASSWORD as ROOT_KEY
from infra.gcp.settings import Settings
from infra.probes.probe import Failure

ROOT_PASSWORD = "SURREALDB_ROOT_PASSWORD"  # noqa: S105 - the name of a variable
PASSWORDS: Mapping[Role, str] = {role: f"SURREALDB_{role.upper()}_PASSWORD" for role in ROLES}
"""The variables with the passwords of the store's users."""
VARIABLES = {
    "SURREALDB_URL": "confab:storeUrl",
    "SURREALDB_NAMESPACE": "confab:storeNamespace",
    "SURREALDB_DATABASE": "confab:storeDatabase",
    "SURREALDB_USERS": "confab:storeUsers",
    **{variable: f"confab:{KEYS[role]}" for role, variable in PASSWORDS.items()},
    ROOT_PASSWORD: f"confab:{ROOT_KEY}",
}
"""The variables that describe the store, and the settings that keep them."""
HIDDEN = frozenset((*PASSWORDS.values(), ROOT_PASSWORD))
"""The variables that no tool of a deployment inherits."""
SECRETS = frozenset(VARIABLES[name] for name in HIDDEN)
"""The settings that keep them."""
LOCATIONS = {
    "gcp:region": "the region",
    "confab:site": "the site",
    "confab:page": "the page's site",
    "confab:storeUrl": "the store",
    "confab:storeNamespace": "the store's namespace",
    "confab:storeDatabase": "the store's database",
}
"""The settings that locate services and data. A new value would abandon what the old one locates."""
_DEFAULTS = {"confab:storeNamespace": "confab", "confab:storeDatabase": "confab"}
_NO_STACK = "no stack named"


@dataclass(frozen=True, slots=True)
class Outputs:
    """A deployment's addresses and variables."""

    web_url: str
    """The app's site."""
    rewrites: Sequence[Mapping[str, Any]]
    functions: Mapping[str, str]
    """The functions' own addresses by the rewrites' sources."""
    variables: Mapping[str, str]
    """The configuration of functions and containers."""
    page: str | None = None
    """The site of the demonstration page, if that is released."""

    @property
    def has_machine(self) -> bool:
        """Whether the store is a machine of the deployment's, which nothing reaches from outside."""
        return self.variables.get("SURREALDB_URL", "").startswith("ws://")

    @property
    def page_url(self) -> str | None:
        """The demonstration page's address."""
        return f"https://{self.page}.web.app" if self.page else None

    @property
    def hosting(self) -> Mapping[str, Any]:
        """What an app's firebase.json needs."""
        return {"rewrites": self.rewrites}


def pulumi(stack: str, *words: str) -> tuple[str, ...]:
    """A command of Pulumi on this stack."""
    return ("pulumi", *words, "--cwd", PROGRAM, "--stack", stack, "--non-interactive")


def target_of(runner: Runner, env: Mapping[str, str], options: argparse.Namespace) -> Target:
    """The target that the command line and variables describe, completed from the stack's settings."""
    found, trouble = kept(runner, options.stack)
    known = {variable: found[key] for variable, key in VARIABLES.items() if key in found}
    known |= {variable: env[variable] for variable in VARIABLES if env.get(variable)}
    known |= {} if options.store is None else {"SURREALDB_URL": options.store.removeprefix(MANAGED)}
    if not known.get("SURREALDB_URL"):  # the machine's users are made with it
        known = {variable: token_urlsafe() for variable in (*PASSWORDS.values(), ROOT_PASSWORD)} | known
    known.setdefault("SURREALDB_USERS", Settings.model_fields["store_users"].default)
    page = options.page or found.get("confab:page")
    return Target(
        project=options.project,
        region=options.region or found.get("gcp:region", REGION),
        stack=options.stack,
        site=options.site or found.get("confab:site"),
        env={**env, **known},
        store_elsewhere=options.store_elsewhere,
        kept=found,
        trouble=trouble,
        move=options.move,
        page=page or (None if options.page is None else page_of(options.project)),
        origins=tuple(dict.fromkeys((*json.loads(found.get("confab:origins", "[]")), *options.origin))),
    )


def settings(target: Target, image: str | None = None) -> Mapping[str, str]:
    """The settings that the stack shall have, by key."""
    asked = {key: target.env.get(variable) for variable, key in VARIABLES.items()}
    asked |= {"gcp:region": target.region, "confab:site": target.site_id, "confab:page": target.page}
    asked["confab:origins"] = json.dumps(target.origins) if target.origins else None
    asked["confab:image"] = image
    # Firebase's API accepts a person's credentials only with a project whose quota counts the calls.
    asked |= {"gcp:project": target.project, "gcp:billingProject": target.project}
    asked |= {"gcp:userProjectOverride": "true"}
    asked |= target.more
    wanted = _DEFAULTS | dict(target.kept) | {key: value for key, value in asked.items() if value}
    return {key: value for key, value in wanted.items() if key != "confab:storeUrl" or not target.managed}


def moves(target: Target) -> Sequence[str]:
    """The locations in which the target and the stack differ."""
    asked, old = dict(settings(target)), dict(target.kept)
    for each in (asked, old):
        if each.get(VARIABLES[ROOT_PASSWORD]):
            each.setdefault("confab:storeUrl", MANAGED)
    pairs = ((title, old[key], asked.get(key)) for key, title in LOCATIONS.items() if key in old)
    return [f"{title} is {before}, not {after}" for title, before, after in pairs if before != after]


def account(env: Mapping[str, str], role: Role) -> Mapping[str, str]:
    """The variables with which a process signs in to the store as its user of this role."""
    return {
        "SURREALDB_AUTH_LEVEL": "database",
        "SURREALDB_USER": name_of(env["SURREALDB_USERS"], role),
        "SURREALDB_PASSWORD": env[PASSWORDS[role]],
    }


def outputs(runner: Runner, stack: str) -> Outputs:
    """The stack's outputs. Raises DeployError if some are missing."""
    answer = runner.ask(*pulumi(stack, "stack", "output", "--json"))
    try:
        found: Mapping[str, Any] = json.loads(answer.out)
        url, rewrites, functions = found["webUrl"], found["rewrites"], found["functions"]
        return Outputs(url, rewrites, functions, dict(found["variables"]), found.get("page"))
    except (ValueError, KeyError, TypeError):
        trouble = "deploy it again" if answer.ok else answer.trouble
        raise DeployError(f"the stack {stack} has no outputs: {trouble}") from None


def kept(runner: Runner, stack: str) -> tuple[Mapping[str, str], str | None]:
    """The stack's settings with their secrets, and the error if they cannot be read."""
    answer = runner.ask(*pulumi(stack, "config", "--json", "--show-secrets"))
    if not answer.ok:
        return {}, None if _NO_STACK in answer.err else answer.trouble
    try:
        found: Mapping[str, Any] = json.loads(answer.out)
        return {key: each["value"] for key, each in found.items() if "value" in each}, None
    except (ValueError, TypeError, AttributeError):
        return {}, "pulumi prints no JSON"


def encryption(runner: Runner, target: Target) -> str:
    """Pulumi can encrypt secrets: Pulumi Cloud does; another backend needs a passphrase or a key service."""
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
    stack_file = ROOT / PROGRAM / "stacks" / f"Pulumi.{target.stack}.yaml"
    settings = yaml.safe_load(stack_file.read_text()) if stack_file.exists() else None
    if (settings or {}).get("secretsprovider", "passphrase") == "passphrase":
        raise Failure(f"PULUMI_CONFIG_PASSPHRASE_FILE is not set, and the state is at {found[1]}")
    return "a key service encrypts secrets"


def same_project(_: Runner, target: Target) -> str:
    """The stack is new or belongs to this project; another project's resources would be replaced."""
    project = target.kept.get("gcp:project", target.project)
    if target.trouble or project != target.project:
        raise Failure(target.trouble or f"it belongs to the project {project}")
    return target.stack if target.kept else f"{target.stack} is new"


def location(_: Runner, target: Target) -> str:
    """Region, sites and store are the stack's."""
    if (found := moves(target)) and not target.move:
        raise Failure("; ".join(found))
    return f"{target.site_id} in {target.region}"
