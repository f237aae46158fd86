"""Probes what Hosting itself has to do on an app's site: serve a page, and lead to the functions."""

import json
import re

import httpx

from confab.http.routes import rewrites
from infra.probes.clients import described, is_a, request
from infra.probes.probe import Failure
from infra.probes.system import System

FIX_WEB = "locally: make dev; in the cloud: check the address, and run make deploy again"
FIX_REWRITE = "run make deploy again: Hosting needs a rewrite to the function, in the function's region"
FIX_LINE = (
    'in firebase.json, add to hosting\'s "rewrites", before any that match the path, and release: {line}'
)


async def page(client: httpx.AsyncClient, base: str) -> str:
    """Hosting serves some HTML page at the root."""
    response = await request(client, "GET", f"{base}/", FIX_WEB)
    if response.status_code != httpx.codes.OK or not is_a("text/html", response):
        raise Failure(f"{described(response)}, which is not a page")
    return f"{base} serves a page"


def source_of(path: str) -> str:
    """The source of the rewrite that leads this path of the API to its function."""
    glob = re.sub(r"\{\w+\}", "*", path)
    return glob if glob in dict(rewrites()) else next(source for source, _ in reversed([*rewrites()]))


def repair(system: System, path: str) -> str:
    """How to give the site the rewrite of this path."""
    for each in system.hosting.get("rewrites", ()):
        if each["source"] == source_of(path):
            return FIX_LINE.format(line=json.dumps(each))
    return FIX_REWRITE
