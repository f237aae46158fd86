"""The page that a proof leaves in docs/proof: what was measured, what it cost, what was taken down."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from infra.cost.bill import Basis
from infra.cost.inputs import list_prices, measured
from infra.cost.report import usd
from infra.cost.scenario import HOURS, Scenario
from infra.probes.probe import Result, passed, summary

INSTANCES = 3
"""Containers at a time: two with a socket, because each takes one request, and one for what comes besides."""


@dataclass(frozen=True, slots=True)
class Proof:
    """One run."""

    project: str
    region: str
    image: str
    began: datetime
    ended: datetime
    results: Sequence[Result]
    left: Sequence[str]
    """What could not be destroyed, or has to be looked at."""

    @property
    def hours(self) -> float:
        """From the first command to the last."""
        return (self.ended - self.began).total_seconds() / 3600


def cost(hours: float) -> float:
    """The dollars of so many hours at list prices: their share of an idle month, and the containers."""
    basis = Basis(list_prices(), measured())
    idle = Scenario(messages_per_hour=0, hours=0)
    busy = Scenario(sockets=2, room_size=2, messages_per_hour=720, hours=hours, instances=INSTANCES)
    month, load = (sum(basis.bill(each).values()) for each in (idle, busy))
    return month * hours / HOURS + load - month


def page(proof: Proof) -> str:
    """The page as Markdown."""
    verdict = "Everything held" if proof.results and passed(proof.results) else "**Not everything held**"
    rows = [f"| {each.name} | {each.status} | {_cell(each.seen)} | {each.ms} |" for each in proof.results]
    lines = [
        f"# Proof of {proof.began:%Y-%m-%d}",
        "",
        f"{verdict}: {summary(proof.results)}.",
        "",
        f"- `make prove` deployed the image `{proof.image}` to an empty project in {proof.region},",
        f"  {proof.began:%Y-%m-%d %H:%M} UTC, measured and destroyed it: {proof.hours:.1f} hours.",
        f"- They cost {usd(cost(proof.hours))} at list prices; the project's bill shows what they did cost.",
        "- Each container admitted one request at a time, so two sockets were on two instances.",
        "",
        "| probe | outcome | seen | ms |",
        "|---|---|---|---:|",
        *rows,
        "",
        "## Left behind",
        "",
        *(f"- {each}" for each in proof.left or ["nothing"]),
    ]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", r"\|").split())
