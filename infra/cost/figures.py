"""What the code itself uses of a processor and of memory, as the committed benchmarks measured it."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

FOLDER = Path(__file__).resolve().parents[2] / "docs/benchmarks"
DELIVERY, FUNCTIONS = "delivery.json", "functions.json"
SERVER = "confab"
ROOMS = {2: "250 rooms of 2", 10: "50 rooms of 10", 100: "5 rooms of 100", 500: "1 → 500"}
"""The scenarios of `make bench` with one message under way in each room, by the size of the room."""
BARE = "bare"
"""The function that `make bench-functions` compares the others with."""

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class NotMeasured(Exception):
    """A result lacks a figure; the message names both."""


class Figures(BaseModel):
    """CPU times and memory of one machine. The units are in the names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    machine: str
    date: str
    send_cpu_us: Positive
    """Of the container, for a message sent over a socket, without its deliveries."""
    delivery_cpu_us: Positive
    """Of the container, for one more socket in the room: the dearest of the measured rooms."""
    store_cpu_us: Positive
    """Of the store, for one append."""
    bus_event_cpu_us: Positive
    """Of an instance, for receiving an event from the bus."""
    connect_cpu_ms: Positive
    """Of the container, for a connection with its token and its join."""
    kib_per_connection: Positive
    request_cpu_ms: Mapping[str, Positive]
    """Of a warm function, by operation."""
    cold_start_s: Positive
    """From the start of a process to its first response, for the slowest function."""


@cache
def measured() -> Figures:
    """The figures of the committed results. Raises NotMeasured and pydantic's ValidationError."""
    return figures_of(*(json.loads((FOLDER / name).read_text("utf-8")) for name in (DELIVERY, FUNCTIONS)))


def figures_of(delivery: Mapping[str, Any], functions: Mapping[str, Any]) -> Figures:
    """The figures of two results.

    C(n), the container's CPU for one send in rooms of n, is measured; a send and its deliveries are
    separated by the smallest room a and the largest b: with d = (C(b) - C(a)) / (b - a), the send
    alone takes C(a) - a·d, and a delivery in a room of n takes (C(n) - send) / n.
    """
    sends = {size: _median(delivery, scenario, "server_cpu_us_per_send") for size, scenario in ROOMS.items()}
    small, large = min(sends), max(sends)
    send = sends[small] - small * (sends[large] - sends[small]) / (large - small)
    operations = {name: part for name, part in functions["functions"].items() if name != BARE}
    machine = delivery["machine"]
    return Figures(
        machine=f"{machine['processor']}, {machine['cores']} cores",
        date=min(delivery["measuredAt"][:10], functions["measured"]),
        send_cpu_us=send,
        delivery_cpu_us=max((cpu - send) / size for size, cpu in sends.items()),
        store_cpu_us=_median(delivery, ROOMS[small], "store_cpu_us_per_send"),
        bus_event_cpu_us=_median(delivery, "bystander", "bystander_cpu_us_per_event"),
        connect_cpu_ms=_median(delivery, "idle", "connect_cpu_ms"),
        kib_per_connection=_median(delivery, "idle", "kib_per_connection"),
        request_cpu_ms={name: part["requestCpuMs"]["median"] for name, part in operations.items()},
        cold_start_s=max(part["firstAnswerMs"]["median"] for part in operations.values()) / 1000,
    )


def _median(delivery: Mapping[str, Any], scenario: str, figure: str) -> float:
    for run in delivery["runs"]:
        if (run["scenario"], run["server"]) == (scenario, SERVER) and figure in run["figures"]:
            median: float = run["figures"][figure]["median"]
            return median
    raise NotMeasured(f"{DELIVERY} has no {figure} of {SERVER} in {scenario!r}: make bench")
