"""Where the system is that is meant: as variables say, the stack that runs here, or a deployed stack."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import chain
from typing import Any
from urllib.parse import urlsplit

from confab import config
from infra.deploy.runner import Runner
from infra.deploy.stack import VARIABLES, pulumi
from infra.doctor.site import Site
from infra.local.addresses import StackError
from infra.local.data import DataFolder

NEEDED = {
    "web": ("--url",),
    "realtime": ("CONFAB_REALTIME_URLS",),
    "store": ("SURREALDB_URL",),
    "bus": ("PUBSUB_EMULATOR_HOST",),
    "conversation": ("--url", "CONFAB_REALTIME_URLS", "FIREBASE_AUTH_EMULATOR_HOST"),
}
"""What says where each part is."""
STORE = ("SURREALDB_URL", "SURREALDB_USER", "SURREALDB_PASSWORD")
CREDENTIALS = ("SURREALDB_USER", "SURREALDB_PASSWORD")
"""Variables that are no output of a stack, because its configuration keeps them secret."""

DEMO = "demo-"
"""How the ids of projects begin that are never in the cloud."""


class Unclear(Exception):
    """Which system is meant cannot be told; the message says what is wanting."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line says of the system."""

    url: str | None = None
    realtime: Sequence[str] = ()
    token: str | None = None
    skipped: Collection[str] = ()
    """Parts that are left out: what only they need may be unknown."""


def local_or_named(wish: Wish, env: Mapping[str, str], data: DataFolder) -> Site:
    """The system that these variables name; what they leave out is that of the stack that runs on `data`.

    Nothing is taken to be at its usual address, where another clone's stack may answer. Raises Unclear
    if neither names a part, or a part is elsewhere and another would be this machine's; and ConfigError.
    """
    site = _site(wish, config.load(env), "")
    unnamed = _unnamed(wish, env)
    if away := [url for url in (site.web, *site.realtime) if url and not _is_loopback(url)]:
        _require_all(away[0], wish, env)
    elif unnamed:
        stack = _running(data, unnamed)
        given = {name: value for name, value in env.items() if value}
        return _site(wish, config.load({**stack["env"], **given}), stack["web"])
    return site


def deployed(project: str, stack: str, wish: Wish, runner: Runner) -> Site:
    """The system that this Pulumi stack has deployed to a project. Raises Unclear and ConfigError."""
    outputs = _outputs(stack, runner)
    try:
        web, variables = str(outputs["webUrl"]), dict(outputs["variables"])
    except (KeyError, TypeError, ValueError):
        raise Unclear(f"the stack {stack} does not say where it is: deploy it again") from None
    if (found := variables.get("GOOGLE_CLOUD_PROJECT")) != project:
        raise Unclear(f"the stack {stack} is of the project {found}, not {project}: see --stack")
    if "store" not in wish.skipped:
        variables |= {name: _ask(runner, stack, "config", "get", VARIABLES[name]) for name in CREDENTIALS}
    return _site(wish, config.load(variables), web)


def _running(data: DataFolder, unnamed: Iterable[str]) -> Mapping[str, Any]:
    """What the stack on `data` says of itself. Raises Unclear, with what nothing names, if none is ready."""
    try:
        return data.running()
    except StackError as error:
        raise Unclear(
            f"{error} ({data.path}): start `make dev`, or name a system with --project, or with --url and"
            f" variables; not named: {', '.join(unnamed)}"
        ) from None


def _unnamed(wish: Wish, env: Mapping[str, str]) -> Sequence[str]:
    """What nothing is said of and would say where the parts are that are examined."""
    named = {name for name, value in env.items() if value}
    named |= {"--url"} if wish.url else set[str]()
    named |= {"CONFAB_REALTIME_URLS"} if wish.realtime else set[str]()
    named |= {"FIREBASE_AUTH_EMULATOR_HOST"} if wish.token else set[str]()
    if not (env.get("GOOGLE_CLOUD_PROJECT") or DEMO).startswith(DEMO):
        named |= {"PUBSUB_EMULATOR_HOST"}  # its bus is Google's
    wanted = (name for part, names in NEEDED.items() if part not in wish.skipped for name in names)
    return [name for name in dict.fromkeys(wanted) if name not in named]


def _site(wish: Wish, configuration: config.Config, web: str) -> Site:
    realtime = wish.realtime or tuple(chain.from_iterable(configuration.addresses.values()))
    urls = tuple(url.rstrip("/") for url in realtime)
    return Site(configuration, (wish.url or web).rstrip("/"), urls, wish.token)


def _require_all(away: str, wish: Wish, env: Mapping[str, str]) -> None:
    """Of a system that is elsewhere, nothing may be left to what is meant for a developer's machine."""
    known = set(STORE) if "store" in wish.skipped else set[str]()
    known |= {"CONFAB_REALTIME_URLS"} if wish.realtime else set()
    absent = [name for name in config.REQUIRED_ON_CLOUD_RUN if not env.get(name) and name not in known]
    wanting = [f"{name} is not set" for name in absent]
    wanting += [f"{name} is set" for name in config.FORBIDDEN_ON_CLOUD_RUN if env.get(name)]
    if "--url" in _unnamed(wish, env):
        wanting.append("--url is not given")
    if env.get("GOOGLE_CLOUD_PROJECT", "").startswith(DEMO):
        wanting.append("GOOGLE_CLOUD_PROJECT is a demo- project, which is never in the cloud")
    if wanting:
        raise Unclear(
            f"{away} is not on this machine, and other parts would be: {'; '.join(wanting)}. "
            "Name a deployed project with --project, which knows them all"
        )


def _outputs(stack: str, runner: Runner) -> Mapping[str, Any]:
    said = _ask(runner, stack, "stack", "output", "--json")
    try:
        outputs: Mapping[str, Any] = json.loads(said)
    except ValueError:
        raise Unclear(f"pulumi does not tell the outputs of the stack {stack}") from None
    return outputs


def _ask(runner: Runner, stack: str, *words: str) -> str:
    """What pulumi says of a stack. Raises Unclear, without what it was asked for, if it says nothing."""
    answer = runner.ask(*pulumi(stack, *words))
    if not answer.ok:
        raise Unclear(f"pulumi {' '.join(words)} of the stack {stack}: {answer.trouble}")
    return answer.out.removesuffix("\n")


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
