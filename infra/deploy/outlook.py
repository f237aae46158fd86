"""What a deployment creates, what it costs while idle, and what is not known before it."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace

from infra.cost.bill import idle_month
from infra.cost.report import usd
from infra.deploy import stack
from infra.deploy.target import Target
from infra.gcp.listing import KINDS, planned
from infra.gcp.settings import Settings, settings_of
from infra.gcp.variables import site_origins
from infra.probes.system import System

UNKNOWN = "UNKNOWN"
"""Stands for a value that a dry run does not know."""


def settings(target: Target) -> Settings:
    """The Pulumi program's settings for a deployment of any image. Raises SettingsError."""
    values = stack.settings(target).items()
    known = {field.alias for field in Settings.model_fields.values()}
    names = ((key.partition(":")[2], value) for key, value in values)
    return settings_of({name: value for name, value in names if name in known})


def described(target: Target) -> Iterator[str]:
    """The lines that stand before the first command of a deployment. Raises SettingsError."""
    wanted = settings(target)
    listed = planned(wanted, UNKNOWN, {key.partition(":")[2] for key in target.kept})
    yield f"Creates or updates in the project {target.project}, region {target.region}, stack {target.stack}:"
    for kind, names in listed.items():
        yield f"  {KINDS[kind]} ({len(names)}): {', '.join(names)}"
    yield f"Touches no Hosting site{f' but {target.page}' if target.page else ''}."
    if not target.managed:
        yield f"Uses your store at {target.env['SURREALDB_URL']}, whose cost is not part of what follows."
    yield f"May call: {', '.join([*site_origins(wanted), *wanted.origins])}"
    items = idle_month(None if target.managed else 0)
    each = ", ".join(f"{item} {usd(dollars)}" for item, dollars in items.items())
    yield f"An idle month costs {usd(sum(items.values()))} at list prices ({each}): docs/cost.md"


def completed(target: Target) -> tuple[Target, Sequence[str]]:
    """The target with UNKNOWN for what nobody has said, and what that is."""
    absent = [name for name in stack.PASSWORDS.values() if not target.env.get(name)]
    unknown = [f"{name}, which is not set" for name in absent]
    if target.trouble:
        unknown.append(f"what an earlier deployment has kept: {target.trouble}")
    return replace(target, env={**target.env, **dict.fromkeys(absent, UNKNOWN)}), unknown


def guide(system: System) -> Iterator[str]:
    """What the app's own firebase.json needs, to be pasted, and its content security policy."""
    yield 'Add to "hosting" in your app\'s firebase.json, before a rewrite of "**", and release your app:'
    yield json.dumps(system.hosting, indent=2)
    yield f"If your pages have a Content-Security-Policy, its connect-src needs: {' '.join(system.sources)}"
