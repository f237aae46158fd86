"""Traces in the logs alone, and no metrics: the default."""

import asyncio
import logging
import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

from confab import trace
from confab.domain.entries import Entry
from confab.ports.telemetry import Commit, Metric, Span
from confab.trace import Trace

SAMPLE_S = 10.0
"""Seconds between two traces of a process that are sampled."""

log = logging.getLogger(__name__)


class _Unrecorded(trace.Entered):
    """Implements `Span`, and is the context of its work. Every event of a socket pays for it."""

    __slots__ = ()

    def note(self, name: str, value: str | int) -> None:
        """Do nothing."""

    def until(self, work: asyncio.Task[Any]) -> None:
        """Do nothing."""


class LogTelemetry:
    """Implements `Telemetry` for processes of which only the logs are collected."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next_sample = -math.inf

    def span(self, name: str, asked: Trace | None) -> AbstractContextManager[Span]:  # noqa: ARG002 - the port's
        """The work is part of the client's span itself, or of a new one; one every SAMPLE_S is sampled."""
        now = self._clock()
        sampled = now >= self._next_sample
        if sampled:
            self._next_sample = now + SAMPLE_S
        return _Unrecorded((asked or trace.fresh())._replace(sampled=sampled))

    def delivered(self, entry: Entry, sockets: int, commit: Commit) -> None:
        """Log a line for a sampled trace."""
        if commit.trace is None or not commit.trace.sampled:
            return
        fields: dict[str, object] = {
            "conversationId": entry.conversation_id,
            "seq": entry.seq,
            "sockets": sockets,
        }
        if commit.at is not None:
            fields["ms"] = round(age_s(commit.at) * 1000)
        with trace.Entered(commit.trace):
            log.info("delivered", extra=fields)

    def refused(self, code: str, operation: str) -> None:
        """Do nothing: a log-based metric adds up what the lines stand for."""

    def watch(self, metric: Metric, read: Callable[[], float]) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing."""


def age_s(at: datetime) -> float:
    """Seconds since then, as far as two machines' clocks agree."""
    return max(0.0, (datetime.now(UTC) - at).total_seconds())
