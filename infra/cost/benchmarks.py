"""What the benchmarks have measured, as the figures that costs are made from."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from infra.cost.measured import Measured, SendCpu

FOLDER = Path(__file__).resolve().parents[2] / "docs/benchmarks"
DELIVERY, FUNCTIONS = "delivery.json", "functions.json"
SERVER = "confab"
ROOMS = {2: "250 rooms of 2", 10: "50 rooms of 10", 100: "5 rooms of 100", 500: "1 → 500"}
"""The scenarios of `make bench` in which rooms of one size talk, by the size."""
MANY = ROOMS[min(ROOMS)]
"""The one in which a process's work in the background weighs least beside the sends."""
BARE = "bare"
"""The function that `make bench-functions` compares the others with."""


class NotMeasured(Exception):
    """A result lacks a figure; the message says which."""


@cache
def measured() -> Measured:
    """The figures of the committed results. Raises NotMeasured and pydantic's ValidationError."""
    return figures_of(*(json.loads((FOLDER / name).read_text("utf-8")) for name in (DELIVERY, FUNCTIONS)))


def figures_of(delivery: Mapping[str, Any], functions: Mapping[str, Any]) -> Measured:
    """The figures of two results.

    C(n) is the container's CPU time for one send in rooms of n. It is split by the smallest room a
    and the largest b: with d = (C(b) - C(a)) / (b - a), the send alone takes C(a) - a·d. What is left
    of C(n), divided by n, is a delivery in a room of n.
    """
    sends = {size: _median(delivery, scenario, "server_cpu_us_per_send") for size, scenario in ROOMS.items()}
    small, large = min(sends), max(sends)
    slope = (sends[large] - sends[small]) / (large - small)
    send = sends[small] - small * slope
    operations = {name: part for name, part in functions["functions"].items() if name != BARE}
    machine = delivery["machine"]
    return Measured(
        machine=f"{machine['processor']}, {machine['cores']} cores",
        date=min(delivery["measuredAt"][:10], functions["measured"]),
        delivery_cpu_us={size: (cpu - send) / size for size, cpu in sends.items()},
        send_cpu_us=SendCpu(container=send, store=_median(delivery, MANY, "store_cpu_us_per_send")),
        bus_event_cpu_us=_median(delivery, "bystander", "bystander_cpu_us_per_event"),
        connect_cpu_ms=_median(delivery, "idle", "connect_cpu_ms"),
        kib_per_connection=_median(delivery, "idle", "kib_per_connection"),
        warm_request_cpu_ms={name: part["requestCpuMs"]["median"] for name, part in operations.items()},
        cold_start_s=max(part["firstAnswerMs"]["median"] for part in operations.values()) / 1000,
    )


def _median(delivery: Mapping[str, Any], scenario: str, figure: str) -> float:
    for run in delivery["runs"]:
        if (run["scenario"], run["server"]) == (scenario, SERVER) and figure in run["figures"]:
            median: float = run["figures"][figure]["median"]
            return median
    raise NotMeasured(f"{DELIVERY} has no {figure} of {SERVER} in {scenario!r}: make bench")
