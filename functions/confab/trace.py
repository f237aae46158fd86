"""The trace of the current work, from an HTTP request over the bus to the sockets.

Traces are W3C's (https://www.w3.org/TR/trace-context/). They propagate with the context: whatever
runs in one that entered a trace, tasks created there included, has it as `current()`.
"""

import random
import re
from collections.abc import Mapping
from contextvars import ContextVar
from typing import NamedTuple, Self

HEADER = "traceparent"
"""The name of W3C's header, and of the bus attribute that holds the same text."""
CLOUD_HEADER = "x-cloud-trace-context"
"""Google's older header: `TRACE_ID/SPAN_ID;o=OPTIONS`, the span in decimal."""
_W3C = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
_CLOUD = re.compile(r"([0-9a-fA-F]{32})/(\d{1,20})(?:;o=(\d))?")
_SAMPLED = 1


class Trace(NamedTuple):
    """A position in a trace: the trace and the span that this work is part of."""

    trace_id: str
    """32 hexadecimal digits."""
    span_id: str
    """16 hexadecimal digits."""
    sampled: bool = False
    """Whether it is recorded; between our own processes alone, as a client's flag counts for nothing."""

    def __str__(self) -> str:
        """The text of a `traceparent`."""
        return f"00-{self.trace_id}-{self.span_id}-{_SAMPLED if self.sampled else 0:02x}"


_current: ContextVar[Trace | None] = ContextVar("trace", default=None)


def current() -> Trace | None:
    """The trace of the current context."""
    return _current.get()


def enter(trace: Trace | None) -> None:
    """Make a trace, or none, the current one of this task from now on."""
    _current.set(trace)


class Entered:
    """A context manager, for one use, in which a trace, or none, is the current one."""

    __slots__ = ("_before", "_trace")

    def __init__(self, trace: Trace | None) -> None:
        self._trace = trace

    def __enter__(self) -> Self:
        self._before = _current.set(self._trace)
        return self

    def __exit__(self, *_: object) -> None:
        _current.reset(self._before)


def fresh() -> Trace:
    """A new trace that is not recorded."""
    digits = f"{random.getrandbits(192):048x}"
    return Trace(digits[:32], digits[32:])


def parse(traceparent: str) -> Trace | None:
    """The trace that a `traceparent` stands for; None if it is not valid."""
    found = _W3C.fullmatch(traceparent.strip())
    if found is None:
        return None
    trace_id, span_id, flags = found.groups()
    return _valid(trace_id, span_id, sampled=bool(int(flags, 16) & _SAMPLED))


def of_request(headers: Mapping[str, str]) -> Trace | None:
    """The trace of a request: W3C's header takes precedence over Google's; None without a valid one."""
    return parse(headers.get(HEADER, "")) or _of_cloud(headers.get(CLOUD_HEADER, ""))


def _of_cloud(text: str) -> Trace | None:
    found = _CLOUD.fullmatch(text)
    if found is None or int(found[2]) >= 1 << 64:
        return None
    return _valid(found[1].lower(), f"{int(found[2]):016x}", sampled=bool(int(found[3] or 0) & _SAMPLED))


def _valid(trace_id: str, span_id: str, *, sampled: bool) -> Trace | None:
    """The trace, unless an id is all zeros, which stands for none."""
    return Trace(trace_id, span_id, sampled) if trace_id.strip("0") and span_id.strip("0") else None
