"""What a run has measured, as a document and as a table."""

import os
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from tests.bench.functions.cold import Start
from tests.bench.functions.imports import Imports
from tests.bench.functions.site import BARE, READS
from tests.support.tables import table

READ_TARGET, WRITE_TARGET, WARM_TARGET = 2.2, 2.8, 4.0
"""At most so many times the bare function's."""
SHOWN_PACKAGES = 12
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
_WHOLE = 10  # milliseconds from which on no fractions are shown


@dataclass(frozen=True)
class Results:
    """One run: the cold starts, the imports and the warm requests of each function."""

    starts: Mapping[str, Sequence[Start]]
    imports: Mapping[str, Imports]
    warm: Mapping[str, Sequence[float]]
    """Milliseconds of processor time a request, in each block of requests."""

    def document(self) -> dict[str, Any]:
        """Everything, fit for JSON."""
        return {
            "measured": time.strftime("%Y-%m-%d"),
            "machine": {
                "cpus": os.cpu_count(),
                "python": platform.python_version(),
                "load": [round(load, 1) for load in os.getloadavg()],
            },
            "functions": {name: self._function(name) for name in self.starts},
        }

    def _function(self, name: str) -> dict[str, Any]:
        starts, imports = self.starts[name], self.imports[name]
        bare = [start.seconds for start in self.starts[BARE]]
        found: dict[str, Any] = {
            "firstAnswerMs": _spread(
                [start.seconds * 1000 for start in starts], [each * 1000 for each in bare]
            ),
            "cpuMs": round(median(start.cpu_s for start in starts) * 1000),
            "memoryMb": round(median(start.memory_mb for start in starts)),
            "modules": imports.modules,
            "importMs": dict(imports.ms.most_common(SHOWN_PACKAGES)),
            "requestCpuMs": _spread(self.warm[name], self.warm[BARE]),
        }
        if name != BARE:
            found["firstAnswerMs"]["target"] = READ_TARGET if name in READS else WRITE_TARGET
        if name == "get_conversation":
            found["requestCpuMs"]["target"] = WARM_TARGET
        return found


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
        f"{document['measured']}: {machine['cpus']} cores, Python {machine['python']}.",
        "\n".join(table(HEADER, rows)),
    )
    return "\n\n".join(head) + "\n"


def _spread(values: Sequence[float], bare: Sequence[float]) -> dict[str, float]:
    """The median and what lies between; `timesBare` is the median of the rounds' ratios."""
    return {
        "median": round(median(values), 2),
        "least": round(min(values), 2),
        "most": round(max(values), 2),
        "timesBare": round(median(each / other for each, other in zip(values, bare, strict=True)), 2),
    }


def _shown(spread: Mapping[str, float]) -> str:
    digits = 0 if spread["median"] >= _WHOLE else 2
    return f"{spread['median']:.{digits}f} ({spread['least']:.{digits}f}-{spread['most']:.{digits}f}) ms"
