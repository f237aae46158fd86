"""The system that is probed, and where it is: what variables name, what runs here, or what is deployed."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import chain
from typing import Any
from urllib.parse import urlsplit

from confab import config
from infra.deploy import stack
from infra.deploy.runner import DeployError, Runner
from infra.local.addresses import StackError
from infra.local.data import DataFolder

NEEDED = {
    "web": ("--url",),
    "sign-in": (),
    "realtime": ("CONFAB_REALTIME_URLS",),
    "store": ("SURREALDB_URL",),
    "bus": ("PUBSUB_EMULATOR_HOST",),
    "conversation": ("--url", "CONFAB_REALTIME_URLS", "FIREBASE_AUTH_EMULATOR_HOST"),
}
"""The parts that are probed, and what says where each is."""
STORE = ("SURREALDB_URL", "SURREALDB_USER", "SURREALDB_PASSWORD")
CREDENTIALS = ("SURREALDB_USER", "SURREALDB_PASSWORD")
"""Variables that are no output of a stack, because its configuration keeps them secret."""
DEMO = "demo-"
"""How the ids of projects begin that are never in the cloud."""


class Unclear(Exception):
    """Which system is meant is not clear; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class System:
    """A running system."""

    config: config.Config
    web: str
    """The address of Hosting, without a slash at its end."""
    realtime: tuple[str, ...]
    """The addresses of the realtime instances, of all cells."""
    token: str | None = None
    """An ID token to hold a conversation with; without one the Auth emulator is asked for a user."""


@dataclass(frozen=True, slots=True)
class Named:
    """What the command line says of the system."""

    url: str | None = None
    realtime: Sequence[str] = ()
    token: str | None = None
    skipped: Collection[str] = ()
    """Parts that are left out: what only they need may be unknown."""


def local_or_named(named: Named, env: Mapping[str, str], data: DataFolder) -> System:
    """The system that these variables name; the stack that runs on `data` gives what they leave out.

    No part is assumed at its usual address, where another clone's stack may respond. Raises Unclear
    if neither names a part, or a part is elsewhere and another would be this machine's; and ConfigError.
    """
    system = _system(named, env, "")
    missing = _missing(named, env)
    if remote := [url for url in (system.web, *system.realtime) if url and not _is_loopback(url)]:
        _require_all(remote[0], named, env)
    elif missing:
        running = _running(data, missing)
        given = {name: value for name, value in env.items() if value}
        return _system(named, {**running["env"], **given}, running["web"])
    return system


def deployed(project: str, name: str, named: Named, runner: Runner) -> System:
    """The system that this Pulumi stack has deployed to a project. Raises Unclear and ConfigError."""
    try:
        outputs = stack.outputs(runner, name)
    except DeployError as error:
        raise Unclear(str(error)) from None
    if (found := outputs.variables.get("GOOGLE_CLOUD_PROJECT")) != project:
        raise Unclear(f"the stack {name} is of the project {found}, not {project}: see --stack")
    if "store" in named.skipped:
        return at(outputs, named)
    kept, trouble = stack.kept(runner, name)
    try:
        return at(outputs, named, {variable: kept[stack.VARIABLES[variable]] for variable in CREDENTIALS})
    except KeyError as error:
        raise Unclear(f"the stack {name} does not give {error}: {trouble or 'deploy it again'}") from None


def at(outputs: stack.Outputs, named: Named, credentials: Mapping[str, str] | None = None) -> System:
    """The system that a stack with these outputs has deployed. Raises ConfigError."""
    return _system(named, {**outputs.variables, **(credentials or {})}, outputs.web_url)


def _running(data: DataFolder, missing: Iterable[str]) -> Mapping[str, Any]:
    """What the stack on `data` says of itself. Raises Unclear, with what nothing names, if none is ready."""
    try:
        return data.running()
    except StackError as error:
        raise Unclear(
            f"{error} ({data.path}): start `make dev`, or name a system with --project, or with --url and"
            f" variables; not named: {', '.join(missing)}"
        ) from None


def _missing(named: Named, env: Mapping[str, str]) -> Sequence[str]:
    """What would say where the probed parts are, and is not given."""
    given = {name for name, value in env.items() if value}
    options = {
        "--url": named.url,
        "CONFAB_REALTIME_URLS": named.realtime,
        "FIREBASE_AUTH_EMULATOR_HOST": named.token,
        # the bus of a project in the cloud is Google's
        "PUBSUB_EMULATOR_HOST": not (env.get("GOOGLE_CLOUD_PROJECT") or DEMO).startswith(DEMO),
    }
    given |= {name for name, value in options.items() if value}
    wanted = (name for part, names in NEEDED.items() if part not in named.skipped for name in names)
    return [name for name in dict.fromkeys(wanted) if name not in given]


def _system(named: Named, env: Mapping[str, str], web: str) -> System:
    loaded = config.load(env)
    realtime = named.realtime or tuple(chain.from_iterable(loaded.addresses.values()))
    urls = tuple(url.rstrip("/") for url in realtime)
    return System(loaded, (named.url or web).rstrip("/"), urls, named.token)


def _require_all(remote: str, named: Named, env: Mapping[str, str]) -> None:
    """Require that nothing of a remote system is left to a default for a developer's machine."""
    known = set(STORE) if "store" in named.skipped else set[str]()
    known |= {"CONFAB_REALTIME_URLS"} if named.realtime else set()
    absent = [name for name in config.REQUIRED_ON_CLOUD_RUN if not env.get(name) and name not in known]
    problems = [f"{name} is not set" for name in absent]
    problems += [f"{name} is set" for name in config.FORBIDDEN_ON_CLOUD_RUN if env.get(name)]
    if "--url" in _missing(named, env):
        problems.append("--url is not given")
    if env.get("GOOGLE_CLOUD_PROJECT", "").startswith(DEMO):
        problems.append("GOOGLE_CLOUD_PROJECT is a demo- project, which is never in the cloud")
    if problems:
        raise Unclear(
            f"{remote} is not on this machine, and other parts would be: {'; '.join(problems)}. "
            "Name a deployed project with --project, which knows them all"
        )


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
