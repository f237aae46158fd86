"""The result of `python -m tests.bench`: as a document for JSON and as a page."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from tests.bench.runner import Runs, machine, spread
from tests.bench.scenarios import ROOMS, UNDER_WAY, Sizes
from tests.bench.servers import CPU, OTHER
from tests.support.tables import table

COLUMNS = {
    "cpu_us_per_delivery": "server CPU µs a delivery",
    **{f"{part}_cpu_us_per_send": f"{part} CPU µs a send" for part in (CPU, OTHER, "store", "bus", "all")},
    "sends_per_s": "sends/s",
    "p50_ms": "p50 ms",
    "p95_ms": "p95 ms",
    "p99_ms": "p99 ms",
}
LOADS = {many: f"{many} under way/" for many in UNDER_WAY}
"""What the figures of each of several loads begin with."""
GENERATOR_LIMIT = 0.9
"""Share of a core from which on the load generator may have been what was measured."""
STORING = (
    ("all_cpu_us_per_send", "CPU µs of containers, store and bus a message", "≤ 0.9"),
    ("p50_ms", "p50 ms to the other instance", ""),
    ("p99_ms", "p99 ms to the other instance", "≤ 1"),
)
IDLE = (
    ("kib_per_connection", "KiB a connection", "≤ 0.75"),
    ("connections_per_cpu_s", "connections accepted a CPU second", "≥ 1"),
)
"""The comparisons that matter: a figure, its title, what is wanted of the ratio."""

Found = Mapping[tuple[str, str], Mapping[str, Mapping[str, float]]]
"""The figures over the repetitions, by scenario and server."""


def result(
    runs: Runs, sizes: Sizes, repetitions: int, *, other: str, node: str
) -> tuple[dict[str, Any], str]:
    """The document and the page of a run; `other` is what Confab is compared with."""
    found = {
        key: {name: spread([run[name] for run in figures]) for name in figures[0]}
        for key, figures in runs.items()
    }
    document = {
        "measuredAt": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine() | {"Node": node},
        "repetitions": repetitions,
        **sizes._asdict(),
        "other": other,
        "runs": [
            {"scenario": scenario, "server": server, "figures": figures}
            for (scenario, server), figures in found.items()
        ],
        "ratios": list(_compared(runs)),
    }
    return document, _page(document, found)


def _compared(runs: Runs) -> Iterator[dict[str, Any]]:
    """The comparisons that the run has what they need for, each over the pairs of repetitions."""
    for scenario, ours, theirs, load, (name, title, wanted) in _comparisons():
        both = zip(runs.get((scenario, ours), ()), runs.get((scenario, theirs), ()), strict=False)
        pairs = [(one[load + name], other[load + name]) for one, other in both]
        if pairs:
            mine, others = map(spread, zip(*pairs, strict=True))
            values = {"value": mine, "other": others, "ratio": spread([one / other for one, other in pairs])}
            where = {"scenario": _title(scenario, load), "server": ours}
            yield {**where, "what": title, **values, "wanted": wanted}


def _comparisons() -> Iterator[tuple[str, str, str, str, tuple[str, str, str]]]:
    """Scenario, our server, the other one, the load, and what is compared."""
    loads = [(size, many) for size in ROOMS for many in UNDER_WAY]
    for size, many in loads:
        for compared in STORING:
            yield f"rooms of {size}", "confab", "other", LOADS[many], compared
    for size, many in loads:
        alone = "cpu_us_per_delivery", "CPU µs a delivery", "≤ 0.75" if (size, many) == (500, 4) else ""
        yield f"rooms of {size}", "confab alone", "other alone", LOADS[many], alone
    for ours in ("confab", "confab alone"):
        for compared in IDLE:
            yield "idle", ours, "other alone", "", compared


def _title(scenario: str, load: str) -> str:
    return f"{scenario}, {load[:-1]}" if load else scenario


def _page(document: Mapping[str, Any], found: Found) -> str:
    machine = ", ".join(f"{name} {value}" for name, value in document["machine"].items())
    amount = f"{document['repetitions']} repetitions of {document['seconds']:g} s"
    compared = (
        (
            *(one[name] for name in ("scenario", "server", "what")),
            *(_cell(one[name]) for name in ("value", "other", "ratio")),
            one["wanted"],
        )
        for one in document["ratios"]
    )
    header = ("scenario", "server", "figure", "its own", "the other's", "ratio", "wanted")
    parts = (
        "# What delivery costs",
        "Written by `make bench`; what it measures and how to read it is in [the guide](README.md).",
        f"{document['measuredAt'][:10]}: {machine}; {amount}, store and bus {document['away_ms']:g} ms away.",
        f"The other is {document['other']}. Medians of the repetitions, lowest to highest in brackets.",
        "\n".join(table(header, compared, texts=3)),
        "Star: the generator was the limit.",
        "\n".join(_talking(found)),
    )
    return "\n\n".join(parts) + "\n"


def _talking(found: Found) -> Iterator[str]:
    rows = []
    for (scenario, server), figures in found.items():
        for load in ("", *LOADS.values()):
            if f"{load}p50_ms" in figures:
                limit = " *" if figures[f"{load}generator_share"]["median"] > GENERATOR_LIMIT else ""
                cells = (_cell(figures[load + one]) if load + one in figures else "" for one in COLUMNS)
                rows.append((_title(scenario, load) + limit, server, *cells))
    return table(("scenario", "server", *COLUMNS.values()), rows, texts=2)


def _cell(values: Mapping[str, float]) -> str:
    middle, low, high = (_number(values[name]) for name in ("median", "low", "high"))
    return middle if low == high else f"{middle} ({low} to {high})"


def _number(value: float) -> str:
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"
