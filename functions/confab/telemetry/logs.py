"""Traces as far as the logs show them, and no metrics: what runs unless telemetry is configured."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime

from confab import trace
from confab.domain.models import Entry, Finalized
from confab.ports import Metric, Span
from confab.trace import Trace

log = logging.getLogger(__name__)


class _Unrecorded(trace.Entered):
    """Implements `Span`, and is the context of its work. Every event of a socket pays for it."""

    __slots__ = ()

    def note(self, name: str, value: str | int) -> None:
        """Do nothing."""


class LogTelemetry:
    """The port `Telemetry` for processes whose logs are all that is collected."""

    def span(self, name: str, parent: Trace | None) -> AbstractContextManager[Span]:  # noqa: ARG002 - the port's
        """As the port promises; the work within is part of the parent span, or of a new trace."""
        return _Unrecorded(parent or trace.fresh())

    def delivered(self, entry: Entry, sockets: int) -> None:
        """As the port promises: a line for a sampled trace."""
        at = trace.current()
        if at is not None and at.sampled:
            log.info(
                "delivered",
                extra={
                    "conversationId": entry.conversation_id,
                    "seq": entry.seq,
                    "sockets": sockets,
                    "ms": round(age_s(entry) * 1000, 1),
                },
            )

    def watch(self, metric: Metric, read: Callable[[], float]) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing."""


def age_s(entry: Entry) -> float:
    """Seconds since the entry's time, which its writer took when it began to store it."""
    at = entry.finalized_at if isinstance(entry, Finalized) else entry.created_at
    return max(0.0, (datetime.now(UTC) - at).total_seconds())
