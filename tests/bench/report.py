"""The result of `python -m tests.bench`: as a document for JSON and as a page."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from tests.bench.runner import Runs, machine, spread
from tests.support.tables import table

TITLES: Mapping[str, str] = {
    "confab": "Confab, storing",
    "node": "Node Socket.IO, broadcast only",
    "node-storing": "Node Socket.IO + embedded SurrealDB",
}
COLUMNS = {
    "cpu_us_per_delivery": "server CPU µs a delivery",
    "all_cpu_us_per_send": "all CPU µs a send",
    "deliveries_per_s": "deliveries/s",
    "sends_per_s": "sends/s",
    "p50_ms": "p50 ms",
    "p95_ms": "p95 ms",
    "p99_ms": "p99 ms",
}
GENERATOR_LIMIT = 0.9
"""Share of a core from which on the load generator may have been what was measured."""
RATIOS = (
    ("1 → 500", "node", "cpu_us_per_delivery", "CPU a delivery", "≤ 0.75"),
    ("1 → 500, 16 in flight", "node", "cpu_us_per_delivery", "CPU a delivery", "≤ 0.75"),
    ("250 rooms of 2", "node-storing", "sends_per_s", "stored sends a second", "≥ 1.0"),
    ("250 rooms of 2", "node-storing", "all_cpu_us_per_send", "CPU a stored send, store and bus too", ""),
    ("idle", "node", "kib_per_connection", "KiB a connection", "≤ 1.2"),
    ("idle", "node", "connections_per_cpu_s", "connections accepted a CPU second", "≥ 0.5"),
    (
        *("idle", "node", "connections_per_all_cpu_s"),
        *("connections accepted a CPU second, store and bus too", ""),
    ),
)
"""The comparisons that matter: scenario, other server, figure, its title, what is wanted."""

Found = Mapping[tuple[str, str], Mapping[str, Mapping[str, float]]]
"""The figures over the repetitions, by scenario and server."""


def result(runs: Runs, *, node: str, repetitions: int, seconds: float) -> tuple[dict[str, Any], str]:
    """The document and the page of a run."""
    found = {
        key: {name: spread([run[name] for run in figures]) for name in figures[0]}
        for key, figures in runs.items()
    }
    document = {
        "measuredAt": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine() | {"Node": node},
        "repetitions": repetitions,
        "seconds": seconds,
        "runs": [
            {"scenario": scenario, "server": server, "figures": figures}
            for (scenario, server), figures in found.items()
        ],
        "ratios": list(_ratios(found)),
    }
    return document, _page(document, found)


def _ratios(found: Found) -> Iterator[dict[str, Any]]:
    """The comparisons that matter, as far as the run has what they need."""
    for scenario, other, name, what, target in RATIOS:
        ours, theirs = found.get((scenario, "confab")), found.get((scenario, other))
        if ours is not None and theirs is not None:
            title = f"{scenario}, Confab ÷ {TITLES[other]}: {what}"
            yield {"what": title, "value": ours[name]["median"] / theirs[name]["median"], "target": target}


def _page(document: Mapping[str, Any], found: Found) -> str:
    machine = ", ".join(f"{name} {value}" for name, value in document["machine"].items())
    amount = f"{document['repetitions']} repetitions of {document['seconds']:g} s"
    compared = ((one["what"], f"{one['value']:.2f}", one["target"]) for one in document["ratios"])
    parts = (
        "# What delivery costs",
        "Written by `make bench`; what it measures and how to read it is in [the guide](README.md).",
        f"{document['measuredAt'][:10]}: {machine}; {amount}.",
        "\n".join(_talking(found)),
        "Medians of the repetitions, lowest to highest in brackets. Star: the generator was the limit.",
        "\n".join(_others(found)),
        "\n".join(table(("ratio", "value", "wanted"), compared)),
    )
    return "\n\n".join(parts) + "\n"


def _talking(found: Found) -> Iterator[str]:
    rows = []
    for (scenario, server), figures in found.items():
        if "p50_ms" in figures:
            limit = " *" if figures["generator_share"]["median"] > GENERATOR_LIMIT else ""
            rows.append((f"{scenario}{limit}", TITLES[server], *(_cell(figures[name]) for name in COLUMNS)))
    return table(("scenario", "server", *COLUMNS.values()), rows, texts=2)


def _others(found: Found) -> Iterator[str]:
    rows = (
        (scenario, TITLES[server], name.replace("_", " "), _cell(values))
        for (scenario, server), figures in found.items()
        if "p50_ms" not in figures
        for name, values in figures.items()
    )
    return table(("scenario", "server", "figure", "value"), rows, texts=3)


def _cell(values: Mapping[str, float]) -> str:
    middle, low, high = (_number(values[name]) for name in ("median", "low", "high"))
    return f"{middle} ({low} to {high})"


def _number(value: float) -> str:
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"
