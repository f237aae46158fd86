"""List prices, and the CPU and memory that the committed benchmarks measured."""

import json
import tomllib
from collections.abc import Mapping
from datetime import date
from functools import cache
from itertools import pairwise
from math import inf
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

PRICES = Path(__file__).with_name("prices.toml")
BENCHMARKS = Path(__file__).resolve().parents[2] / "docs/benchmarks"
DELIVERY, FUNCTIONS = "delivery.json", "functions.json"
ALTERNATIVE = "alternative"
"""The item of prices that are on no bill of Confab."""
STORE = "store"
"""The item that `Scenario.store_usd` replaces."""
SERVER = "confab"
ROOMS = {2: "250 rooms of 2", 10: "50 rooms of 10", 100: "5 rooms of 100", 500: "1 → 500"}
"""By the size of the room, the runs of `make bench` with one message in flight in each room."""
BARE = "bare"
"""The function that `make bench-functions` compares the others with."""

Amount = Annotated[float, Field(ge=0)]


class NotMeasured(Exception):
    """A benchmark's result lacks a figure; the message names both."""


class Price(BaseModel):
    """The list price of one resource, and where it was read."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    item: str
    what: str
    unit: str
    per: Annotated[int, Field(ge=1)] = 1
    tiers: Annotated[tuple[tuple[Amount, Amount], ...], Field(min_length=1)]
    """Units a month from which a price applies, and the price of `per` units."""
    free: Amount = 0.0
    source: str
    quoted_in: str | None = None
    read: date | None = None

    @model_validator(mode="after")
    def _tiers_rise(self) -> "Price":
        starts = [start for start, _ in self.tiers]
        if starts[0] != 0 or any(low >= high for low, high in pairwise(starts)):
            raise ValueError("the tiers must begin at 0 and rise")
        return self

    def of(self, amount: float, *, free_tier: bool = False) -> float:
        """Return the dollars for `amount` units in a month.

        The free tier covers a month's first units, which the tiers count too.
        """
        paid_from = self.free if free_tier else 0.0
        ends = [*(start for start, _ in self.tiers[1:]), inf]
        return sum(
            max(0.0, min(amount, end) - max(start, paid_from)) * usd / self.per
            for (start, usd), end in zip(self.tiers, ends, strict=True)
        )


class Figures(BaseModel):
    """CPU and memory on one machine. The descriptions are the labels of the table in docs/cost.md."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    machine: str
    date: str
    send_cpu_us: float = Field(gt=0, description="a send over a socket without its deliveries, µs")
    delivery_cpu_us: float = Field(
        gt=0, description="a delivery, in the most expensive of the measured rooms, µs"
    )
    store_cpu_us: float = Field(gt=0, description="an append, in the store, µs")
    bus_event_cpu_us: float = Field(gt=0, description="an event received from the bus, µs")
    connect_cpu_ms: float = Field(gt=0, description="a connection with its token and its join, ms")
    kib_per_connection: float = Field(gt=0, description="memory of a connection, KiB")
    cold_start_s: float = Field(gt=0, description="a cold start of the slowest function, s")
    request_cpu_ms: Mapping[str, Annotated[float, Field(gt=0)]]
    """Of a warm function, by operation."""


@cache
def list_prices() -> Mapping[str, Price]:
    """Return the price list by key, in the file's order. Raises pydantic's ValidationError."""
    return TypeAdapter(dict[str, Price]).validate_python(tomllib.loads(PRICES.read_text("utf-8")))


@cache
def measured() -> Figures:
    """Return the figures of the committed results. Raises NotMeasured and pydantic's ValidationError."""
    return figures_of(*(json.loads((BENCHMARKS / name).read_text("utf-8")) for name in (DELIVERY, FUNCTIONS)))


def figures_of(delivery: Mapping[str, Any], functions: Mapping[str, Any]) -> Figures:
    """Return the figures of two results.

    The benchmark measures C(n), the container's CPU for one send in rooms of n. The smallest room a
    and the largest b separate a send from its deliveries: with d = (C(b) - C(a)) / (b - a), the send
    alone takes C(a) - a·d, and a delivery in a room of n takes (C(n) - send) / n.
    """
    sends = {size: _median(delivery, scenario, "server_cpu_us_per_send") for size, scenario in ROOMS.items()}
    small, large = min(sends), max(sends)
    send = sends[small] - small * (sends[large] - sends[small]) / (large - small)
    operations = {name: result for name, result in functions["functions"].items() if name != BARE}
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
        cold_start_s=max(result["firstAnswerMs"]["median"] for result in operations.values()) / 1000,
        request_cpu_ms={name: result["requestCpuMs"]["median"] for name, result in operations.items()},
    )


def _median(delivery: Mapping[str, Any], scenario: str, figure: str) -> float:
    for run in delivery["runs"]:
        if (run["scenario"], run["server"]) == (scenario, SERVER) and figure in run["figures"]:
            median: float = run["figures"][figure]["median"]
            return median
    raise NotMeasured(f"{DELIVERY} has no {figure} of {SERVER} in {scenario!r}: make bench")
