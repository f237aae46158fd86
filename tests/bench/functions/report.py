"""The result of `python -m tests.bench.functions`: as a document for JSON and as a page."""

import time
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from tests.bench.functions.site import BARE
from tests.bench.runner import Figures, Runs, machine, spread
from tests.support.tables import table

HEADER = (
    "function",
    "from start to first response",
    "x bare",
    "CPU until then",
    "modules",
    "CPU of a warm request",
    "x bare",
    "memory",
)
SPREADS = ("firstAnswerMs", "requestCpuMs")
MEDIANS = ("cpuMs", "memoryMb")
_WHOLE = 10  # milliseconds from which on no fractions are shown


def document(runs: Runs, imports: Runs) -> dict[str, Any]:
    """Everything, fit for JSON; by function, beside the bare one in the same repetition."""
    bare = next(figures for (_, target), figures in runs.items() if target == BARE)
    modules = {target: int(figures[0]["modules"]) for (_, target), figures in imports.items()}
    return {
        "measured": time.strftime("%Y-%m-%d"),
        "machine": machine(),
        "functions": {
            target: {
                **{name: _spread(name, figures, bare) for name in SPREADS},
                **{name: round(median(one[name] for one in figures)) for name in MEDIANS},
                "modules": modules[target],
            }
            for (_, target), figures in runs.items()
        },
    }


def page(document: Mapping[str, Any]) -> str:
    """The document as a table in Markdown: medians, lowest to highest in brackets."""
    rows = (
        (
            f"`{name}`",
            _shown(each["firstAnswerMs"]),
            f"{each['firstAnswerMs']['timesBare']:.2f}",
            f"{each['cpuMs']} ms",
            f"{each['modules']:,}",
            _shown(each["requestCpuMs"]),
            f"{each['requestCpuMs']['timesBare']:.2f}",
            f"{each['memoryMb']} MB",
        )
        for name, each in document["functions"].items()
    )
    machine = document["machine"]
    head = (
        "# What a function costs",
        "Written by `make bench-functions`; what it measures is in [the guide](README.md#functions).",
        f"{document['measured']}: {machine['cores']} cores, Python {machine['Python']}.",
        "\n".join(table(HEADER, rows)),
    )
    return "\n\n".join(head) + "\n"


def _spread(name: str, figures: Sequence[Figures], bare: Sequence[Figures]) -> dict[str, float]:
    """A figure's spread; `timesBare` is the median of the repetitions' ratios."""
    ratios = [one[name] / other[name] for one, other in zip(figures, bare, strict=True)]
    found = spread([one[name] for one in figures]) | {"timesBare": median(ratios)}
    return {key: round(value, 2) for key, value in found.items()}


def _shown(found: Mapping[str, float]) -> str:
    digits = 0 if found["median"] >= _WHOLE else 2
    return f"{found['median']:.{digits}f} ({found['low']:.{digits}f}-{found['high']:.{digits}f}) ms"
