"""The page that a proof leaves in docs/proof: what was measured, what it cost, what is left."""

from collections.abc import Sequence
from datetime import datetime

from infra.cost.bill import Basis
from infra.cost.inputs import list_prices, measured
from infra.cost.report import usd
from infra.cost.scenario import HOURS, Scenario
from infra.deploy.target import Target
from infra.probes.probe import Result, passed, summary

INSTANCES = 3
"""Containers at a time: two with a socket, because each takes one request, and one for what comes besides."""


def cost(hours: float) -> float:
    """The dollars of so many hours at list prices: their share of an idle month, and the containers."""
    basis, idle = Basis(list_prices(), measured()), Scenario(messages_per_hour=0, hours=0)
    busy = Scenario(sockets=2, room_size=2, messages_per_hour=720, hours=hours, instances=INSTANCES)
    month, load = (sum(basis.bill(each).values()) for each in (idle, busy))
    return month * hours / HOURS + load - month


def page(
    target: Target,
    image: str,
    when: tuple[datetime, datetime],
    results: Sequence[Result],
    left: Sequence[str],
) -> str:
    """The page as Markdown."""
    began, ended = when
    hours = (ended - began).total_seconds() / 3600
    lines = [
        f"# Proof of {began:%Y-%m-%d}",
        "",
        f"{'Everything held' if passed(results) else '**Not everything held**'}: {summary(results)}.",
        "",
        f"- `make prove` deployed the image `{image}` to an empty project in {target.region},",
        f"  {began:%Y-%m-%d %H:%M} UTC, measured and destroyed it: {hours:.1f} hours.",
        f"- They cost {usd(cost(hours))} at list prices; the project's bill shows what they did cost.",
        "- Each container admitted one request at a time, so two sockets were on two instances.",
        "",
        "| probe | outcome | seen | ms |",
        "|---|---|---|---:|",
        *(f"| {each.name} | {each.status} | {_cell(each.seen)} | {each.ms} |" for each in results),
        "",
        "## Left behind",
        "",
        *(f"- {each}" for each in left or ["nothing"]),
    ]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", r"\|").split())
