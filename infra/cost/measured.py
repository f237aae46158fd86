"""The measured figures: what the code itself uses of a processor and of memory."""

from bisect import bisect_right
from collections.abc import Mapping
from datetime import date
from functools import cached_property
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]


class _Figures(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SendCpu(_Figures):
    """CPU microseconds that storing one message costs each process."""

    container: Positive
    store: Positive


class Measured(_Figures):
    """One machine's figures; nothing in them is a price."""

    machine: str
    date: date
    delivery_cpu_us: Annotated[Mapping[Count, Positive], Field(min_length=1)]
    """CPU microseconds a delivery, by the sockets that an instance has in the room; the send is not in it."""
    send_cpu_us: SendCpu
    bus_event_cpu_us: Positive
    """CPU microseconds that an event of the bus costs an instance which serves none of its room."""
    connect_cpu_ms: Positive
    kib_per_connection: Positive
    warm_request_cpu_ms: Annotated[Mapping[str, Positive], Field(min_length=1)]
    """CPU milliseconds of one request to a warm function, by operation."""
    cold_start_s: Positive

    @cached_property
    def _rooms(self) -> tuple[tuple[int, float], ...]:
        return tuple(sorted((size, size * cpu) for size, cpu in self.delivery_cpu_us.items()))

    def serving_us(self, sockets: int) -> float:
        """CPU microseconds in which an instance gives one event to its `sockets` of a room; 0 for none.

        What a room costs is a fixed part and a part for each socket, so the totals of the measured
        sizes are joined by straight lines. Below the smallest size the fixed part is all there is
        to see, so that size's total stands; above the largest its price of a delivery does.
        """
        if sockets == 0:
            return 0.0
        sizes = [size for size, _ in self._rooms]
        above = bisect_right(sizes, sockets)
        if above == 0:
            return self._rooms[0][1]
        low, low_us = self._rooms[above - 1]
        if above == len(sizes):
            return low_us * sockets / low
        high, high_us = self._rooms[above]
        return low_us + (high_us - low_us) * (sockets - low) / (high - low)
