"""What a deployment creates, what it costs while idle, and what is not known before it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from confab.http.routes import functions
from infra.cost.bill import Basis
from infra.cost.inputs import list_prices, measured
from infra.cost.report import usd
from infra.cost.scenario import Scenario
from infra.deploy.target import Target
from infra.probes.system import System

CREATES = {
    "compute": "the store: a small machine with a disk and daily snapshots, on a private network",
    "cloudfunctionsv2": "{functions} functions that scale to zero, on Cloud Run functions",
    "cloudrunv2": "the realtime container of each cell ({cells}) that scales to zero, on Cloud Run",
    "cloudscheduler": "with a retention, the daily job that deletes old conversations",
    "pubsub": "a topic for each cell",
    "secretmanager": "secrets with the store's credentials",
    "storage": "a bucket for the sources",
    "artifactregistry": "a repository of images",
    "serviceaccount": "an account for each function and container",
    "projects": "the APIs that these need, and the accounts' roles",
    "logging": "log-based metrics",
    "monitoring": "alerts and a dashboard",
    "firebase": "the Hosting site {page} with the demonstration page",
}
"""The resources of the Pulumi program, by the first part of their type."""
UNKNOWN = "UNKNOWN"
"""Stands for a value that a dry run does not know."""


def idle_month(target: Target) -> Mapping[str, float]:
    """The dollars of a month in which nobody connects, by item, at list prices without a free tier.

    What a store of the operator's costs is not part of it.
    """
    idle = Scenario(messages_per_hour=0, hours=0, store_usd=None if target.managed else 0)
    return {item: usd for item, usd in Basis(list_prices(), measured()).bill(idle).items() if usd}


def described(target: Target) -> Iterator[str]:
    """The lines that stand before the first command of a deployment."""
    cells = json.loads(target.kept.get("confab:cells", '[{"name": "main"}]'))
    names = {"functions": len(functions()), "cells": ", ".join(each["name"] for each in cells)}
    yield f"Creates or updates in the project {target.project}, region {target.region}, stack {target.stack}:"
    unused = {*(() if target.page else ("firebase",)), *(("compute",) if not target.managed else ())}
    for module, line in CREATES.items():
        if module not in unused:
            yield f"  {line.format(page=target.page, **names)}"
    yield f"Touches no Hosting site{f' but {target.page}' if target.page else ''}."
    if not target.managed:
        yield f"Uses your store at {target.env['SURREALDB_URL']}, whose cost is not part of what follows."
    yield f"May call: {', '.join(target.callers)}"
    items = idle_month(target)
    each = ", ".join(f"{item} {usd(dollars)}" for item, dollars in items.items())
    yield f"An idle month costs {usd(sum(items.values()))} at list prices ({each}): docs/cost.md"


def completed(target: Target) -> tuple[Target, Sequence[str]]:
    """The target with UNKNOWN for what nobody has said, and what that is."""
    absent = [name for name in ("SURREALDB_USER", "SURREALDB_PASSWORD") if not target.env.get(name)]
    unknown = [f"{name}, which is not set" for name in absent]
    if target.trouble:
        unknown.append(f"what an earlier deployment has kept: {target.trouble}")
    return replace(target, env={**target.env, **dict.fromkeys(absent, UNKNOWN)}), unknown


def guide(system: System) -> Iterator[str]:
    """What the app's own firebase.json needs, to be pasted, and its content security policy."""
    yield 'Add to "hosting" in your app\'s firebase.json, before a rewrite of "**", and release your app:'
    yield json.dumps(system.hosting, indent=2)
    yield f"If your pages have a Content-Security-Policy, its connect-src needs: {' '.join(system.sources)}"
