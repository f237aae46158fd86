"""Probes what Hosting itself has to do on an app's site: lead to the functions, with the API's headers."""

import json
import re
from collections.abc import Iterator, Sequence
from functools import partial

import httpx

from confab.http.routes import rewrites
from infra.probes.clients import described, is_a, request
from infra.probes.probe import Failure, Probe
from infra.probes.system import System

FIX_WEB = "locally: make dev; in the cloud: check the address, and run make deploy again"
FIX_REWRITE = "run make deploy again: Hosting needs a rewrite to the function, in the function's region"
FIX_LINE = 'in firebase.json, add to hosting\'s "{part}", before any that match the path, and release: {line}'


def hosted(client: httpx.AsyncClient, system: System) -> Iterator[Probe]:
    """The probes of a site: its page, and in a deployment, the API's headers."""
    yield Probe("web page", partial(page, client, system.web), FIX_WEB)
    for each in system.hosting.get("headers", ()):
        fix = FIX_LINE.format(part="headers", line=json.dumps(each))
        yield Probe("headers", partial(headers, client, system.web, each["headers"]), fix)


async def page(client: httpx.AsyncClient, base: str) -> str:
    """Hosting serves some HTML page at the root."""
    response = await request(client, "GET", f"{base}/", FIX_WEB)
    if response.status_code != httpx.codes.OK or not is_a("text/html", response):
        raise Failure(f"{described(response)}, which is not a page")
    return f"{base} serves a page"


async def headers(client: httpx.AsyncClient, base: str, wanted: Sequence[dict[str, str]]) -> str:
    """Hosting adds these headers to the API's responses; an app may have values of its own."""
    response = await request(client, "GET", f"{base}/api/conversations", FIX_WEB)
    absent = [each["key"] for each in wanted if each["key"] not in response.headers]
    if absent:
        raise Failure(f"the API's responses lack {', '.join(absent)}")
    return "the API's responses have them"


def source_of(path: str) -> str:
    """The source of the rewrite that leads this path of the API to its function."""
    glob = re.sub(r"\{\w+\}", "*", path)
    return glob if glob in dict(rewrites()) else next(source for source, _ in reversed([*rewrites()]))


def repair(system: System, path: str) -> str:
    """How to give the site the rewrite of this path."""
    for each in system.hosting.get("rewrites", ()):
        if each["source"] == source_of(path):
            return FIX_LINE.format(part="rewrites", line=json.dumps(each))
    return FIX_REWRITE
