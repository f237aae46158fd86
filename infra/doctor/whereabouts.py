"""Where the system is that is meant: on this machine, as variables say, or as a deployed stack says."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import chain
from typing import Any
from urllib.parse import urlsplit

from confab import config
from infra.deploy.runner import Runner
from infra.deploy.stack import VARIABLES, pulumi
from infra.doctor.site import Site

WEB = "http://127.0.0.1:5000"
"""Where the local stack serves the web app and `/api`."""
STORE = ("SURREALDB_URL", "SURREALDB_USER", "SURREALDB_PASSWORD")
CREDENTIALS = ("SURREALDB_USER", "SURREALDB_PASSWORD")
"""Variables that are no output of a stack, because its configuration keeps them secret."""


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


def local_or_named(wish: Wish, env: Mapping[str, str]) -> Site:
    """The system that these variables name; what they leave out is the local stack's.

    Raises Unclear if a part is elsewhere and another part would be this machine's, and ConfigError.
    """
    site = _site(wish, config.load(env), WEB)
    if away := [url for url in (site.web, *site.realtime) if not _is_loopback(url)]:
        _require_all(away[0], wish, env)
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
    if env.get("GOOGLE_CLOUD_PROJECT", "").startswith("demo-"):
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
