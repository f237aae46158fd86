"""The port of what operators see."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Literal, NamedTuple, Protocol

from confab.domain.entries import Entry
from confab.trace import Trace

Metric = Literal[
    "confab.deliveries",
    "confab.gaps.filled",
    "confab.sweeps",
    "confab.conflicts.retried",
    "confab.sockets",
    "confab.rooms",
    "confab.bus.lag",
]
"""Metrics that the process counts and telemetry reads."""


class Commit(NamedTuple):
    """An entry's commit, as far as it is known; an entry that was read from the store has none."""

    at: datetime | None = None
    trace: Trace | None = None
    """The trace in which it was written."""


class Span(Protocol):
    """An operation that may be recorded."""

    def note(self, name: str, value: str | int) -> None:
        """Attach an attribute. A status of 500 and above marks the span as failed."""

    def until(self, work: asyncio.Task[Any]) -> None:
        """End the span with this task, started within it, and not with its context."""


class Telemetry(Protocol):
    """What operators see of a process. Nothing here raises or blocks."""

    def span(self, name: str, asked: Trace | None) -> AbstractContextManager[Span]:
        """A span around the context, in the trace that a client asked for or a new one.

        Whether it is recorded is this process's to decide: a stranger may ask for any trace.
        """

    def delivered(self, entry: Entry, sockets: int, commit: Commit) -> None:
        """Record that an entry was sent to so many live sockets, in the trace of its commit."""

    def refused(self, code: str, operation: str) -> None:
        """Count a request or a socket's event that got this error."""

    def watch(self, metric: Metric, read: Callable[[], float]) -> None:
        """Register a metric, which any thread may read when metrics are collected."""

    async def close(self) -> None:
        """Send what is not sent yet, within a short deadline."""
