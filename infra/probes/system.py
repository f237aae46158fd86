"""The system under probe and its addresses: the local stack's, or a deployed Pulumi stack's."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

from confab import config
from infra.deploy import stack
from infra.deploy.runner import DeployError, Runner
from infra.local.addresses import StackError, parse
from infra.local.data import DataFolder
from infra.page import realtime_sources

PASSWORD = stack.PASSWORDS["editor"]
"""The variable of the password with which the doctor signs in to a deployment's store."""


class Unclear(Exception):
    """The system cannot be determined; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class System:
    """A running system."""

    config: config.Config
    web: str
    """Hosting's address, without a trailing slash."""
    realtime: tuple[str, ...]
    """The addresses of the realtime instances, of all cells."""
    token: str | None = None
    """An ID token for the conversation; without one, the Auth emulator creates a user."""
    hosting: Mapping[str, Any] = field(default_factory=dict)
    """The rewrites that the site of a deployment needs in its firebase.json."""
    functions: Mapping[str, str] = field(default_factory=dict)
    """The functions' own addresses by the rewrites' sources, to be probed instead of Hosting's."""
    signs_up: bool = False
    """Whether the conversation may create a user in the cloud."""
    store_is_open: bool = True
    """Whether this machine may reach the store, which it may not if the deployment made it."""

    @property
    def sources(self) -> Sequence[str]:
        """What a page's content security policy has to let it connect to, beside the page's own origin."""
        return realtime_sources(self.realtime)


@dataclass(frozen=True, slots=True)
class Named:
    """The command line's description of the system."""

    url: str | None = None
    realtime: Sequence[str] = ()
    token: str | None = None
    skipped: Collection[str] = ()
    """The parts to skip."""


def local(named: Named, env: Mapping[str, str], data: DataFolder) -> System:
    """The stack that runs on `data`, on any ports. Raises Unclear and ConfigError.

    Assumes no usual address, where another clone's stack may respond, and refuses a remote one, which
    would be mixed with the local store and bus.
    """
    try:
        running = data.running()
        given = [url for url in (named.url, *named.realtime) if url]
        remote = [url for url in given if not parse("an address", url).loopback]
    except StackError as error:
        raise Unclear(f"{error} ({data.path}): start `make dev`, or name a project with --project") from None
    if remote:
        raise Unclear(f"{remote[0]} is not on this machine: name the deployed project with --project")
    return _system(named, {**env, **running["env"]}, running["web"])


def deployed(project: str, name: str, named: Named, runner: Runner) -> System:
    """The system that this Pulumi stack has deployed to a project. Raises Unclear and ConfigError."""
    try:
        outputs = stack.outputs(runner, name)
    except DeployError as error:
        raise Unclear(str(error)) from None
    if (found := outputs.variables.get("GOOGLE_CLOUD_PROJECT")) != project:
        raise Unclear(f"the stack {name} belongs to the project {found}, not {project}: see --stack")
    if "store" in named.skipped or outputs.has_machine:
        return at(outputs, named)
    kept, trouble = stack.kept(runner, name)
    try:
        known = {variable: kept[stack.VARIABLES[variable]] for variable in ("SURREALDB_USERS", PASSWORD)}
        return at(outputs, named, stack.account(known, "editor"))
    except KeyError as error:
        raise Unclear(f"the stack {name} lacks {error}: {trouble or 'deploy it again'}") from None


def at(outputs: stack.Outputs, named: Named, credentials: Mapping[str, str] | None = None) -> System:
    """The system that a stack with these outputs has deployed. Raises ConfigError."""
    env = {**outputs.variables, **(credentials or {})}
    system = _system(named, env, outputs.web_url)
    return replace(system, hosting=outputs.hosting, store_is_open=not outputs.has_machine)


def _system(named: Named, env: Mapping[str, str], web: str) -> System:
    loaded = config.load(env, serving=False)
    realtime = named.realtime or tuple(chain.from_iterable(loaded.addresses.values()))
    urls = tuple(url.rstrip("/") for url in realtime)
    return System(loaded, (named.url or web).rstrip("/"), urls, named.token)
