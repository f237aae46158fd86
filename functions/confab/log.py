"""Structured logs: one JSON object a line, as Cloud Logging reads them.

A line names the trace that it belongs to, so that a request's lines are found together, whichever
process wrote them. No token, no credential and no message content is ever logged: pass ids,
counts and codes. What a library says may quote anything, so a line keeps the first line of a
library's text and, of an error that is not Confab's own, only its type and where it was raised.

A flood must not fill the logs: of each kind of line, LINES_A_MINUTE are written at once. The others
are counted, and the last of them is written once the minute is over, with their number as `times`.
"""

import json
import logging
import math
import sys
import time
import traceback
from collections.abc import Callable, Hashable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import takewhile
from typing import TextIO

from confab import trace
from confab.trace import Trace

OURS = "confab"
LEVELS = {"": logging.WARNING, OURS: logging.INFO, "aiohttp.websocket": logging.ERROR}
"""The level of each logger; aiohttp's warns of the protocols that clients offer, which may be tokens."""
SERVERS = ("gunicorn.error", "uvicorn.error")
"""Loggers to which a function's server adds handlers some time after its start."""
HTTP_SERVERS = ("aiohttp.server", "uvicorn.error")
"""Loggers of what goes wrong with a request."""
REPORTERS = ("asyncio", *HTTP_SERVERS)
"""Loggers of errors that whoever raised them did not handle, which may be Confab."""
CLIENT_ERRORS = ("aiohttp.http_exceptions", "h11._util")
"""Modules whose errors mean that a client sent invalid HTTP."""
LINES_A_MINUTE = 10
"""The lines of one kind that a process writes at once."""
WINDOW_S = 60.0
KIND = "kind_of_line"
"""In `extra`: what tells the lines of one place in the code apart. None: a line that is never left out."""
SPAN = "logging.googleapis.com/spanId"
CHAIN = 10
"""The longest chain of causes that is logged."""
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", KIND}


class JsonFormatter(logging.Formatter):
    """A record as a line of JSON; what was passed as `extra` becomes its fields."""

    def __init__(self, project: str) -> None:
        super().__init__()
        self._traces = f"projects/{project}/traces/"
        self._encode = json.JSONEncoder(default=str, ensure_ascii=False).encode

    def format(self, record: logging.LogRecord) -> str:
        """The record's line, without the newline."""
        ours = _is_ours(record.name)
        message = record.getMessage()
        error = record.exc_info[1] if record.exc_info else None
        line: dict[str, object] = {
            "severity": record.levelname,
            "message": message if ours else message.partition("\n")[0],
            "logger": (_raised_in(error) if record.name in REPORTERS else None) or record.name,
        }
        if ours:
            line |= {name: value for name, value in vars(record).items() if name not in _STANDARD}
        if (at := trace.current()) is not None:
            line["logging.googleapis.com/trace"] = self._traces + at.trace_id
            line[SPAN] = at.span_id
            line["logging.googleapis.com/trace_sampled"] = at.sampled
        if error is not None:
            line["exception"] = "\n\n".join(map(_described, reversed([*_chain(error)])))
        return self._encode(line)


@dataclass(slots=True)
class _Window:
    """A minute of one kind of line, with the last line that was left out and its trace."""

    kind: Hashable
    until: float
    lines: int = 0
    last: logging.LogRecord | None = None
    trace: Trace | None = None


class SampledHandler(logging.StreamHandler[TextIO]):
    """Writes at most LINES_A_MINUTE of a kind, its place in the code and its KIND, and one for the others.

    A line with a KIND says in `times` how many it stands for. `clock` is monotonic, in seconds.
    """

    def __init__(self, stream: TextIO | None, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(stream)
        self._clock = clock
        self._windows: dict[Hashable, _Window] = {}  # the oldest first

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line, or count it as left out."""
        now = self._clock()
        self.write_left_out(now)
        kind = vars(record).get(KIND, "")
        if kind is None:
            super().emit(record)
            return
        place = record.pathname, record.lineno, record.levelno, kind
        window = self._windows.setdefault(place, _Window(place, now + WINDOW_S))
        window.lines += 1
        if window.lines > LINES_A_MINUTE:
            window.last, window.trace = record, trace.current()
            return
        if kind:
            vars(record)["times"] = 1
        super().emit(record)

    def write_left_out(self, now: float) -> None:
        """Write a line for those that were left out in each minute that is over by then."""
        for window in [*takewhile(lambda window: window.until <= now, self._windows.values())]:
            del self._windows[window.kind]
            if window.last is not None:
                vars(window.last)["times"] = window.lines - LINES_A_MINUTE
                with trace.Entered(window.trace):
                    super().emit(window.last)

    def close(self) -> None:
        """Write a line for those that were left out until the process ends."""
        self.write_left_out(math.inf)
        super().close()


def write_left_out() -> None:
    """Write what was left out in minutes that are over: for a process that may log nothing more."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, SampledHandler):
            with handler.lock or nullcontext():
                handler.write_left_out(time.monotonic())


def setup(project: str) -> None:
    """Send the logs of this process to standard error, and nowhere else.

    `project` is the one in which Cloud Trace keeps the traces. To be called again once a server
    has set up its own: functions-framework then disables every existing logger, and replaces
    `sys.stderr` by a stream that splits lines.
    """
    handler = SampledHandler(sys.__stderr__)
    handler.setFormatter(JsonFormatter(project))
    handler.addFilter(downgrade_client_errors)
    logging.getLogger().handlers = [handler]
    for name, level in LEVELS.items():
        logging.getLogger(name).setLevel(level)
    for name in list(logging.Logger.manager.loggerDict):
        logging.getLogger(name).disabled = False
    for logger in map(logging.getLogger, SERVERS):
        logger.handlers, logger.propagate = [], True


def downgrade_client_errors(record: logging.LogRecord) -> bool:
    """Log invalid HTTP as INFO, not as the server's ERROR: clients must not be able to raise an alert.

    So is what a server fails at by itself, before it has called Confab or after.
    """
    error = record.exc_info[1] if record.exc_info else sys.exc_info()[1]
    if _is_ours(record.name) or error is None:
        return True
    alone = record.exc_info and record.name in HTTP_SERVERS and _raised_in(error) is None
    if alone or any(type(each).__module__ in CLIENT_ERRORS for each in _chain(error)):
        record.levelno, record.levelname, record.exc_info = logging.INFO, "INFO", None
    return True


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] == OURS


def _raised_in(error: BaseException | None) -> str | None:
    """The module of Confab's in which an error was raised, so that the line counts as a defect of ours."""
    frames = traceback.walk_tb(None if error is None else error.__traceback__)
    modules = [str(frame.f_globals.get("__name__")) for frame, _ in frames]
    return next(filter(_is_ours, reversed(modules)), None)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and its causes, the last one first; CHAIN of them at most. A group has its first error's."""
    for _ in range(CHAIN):
        if error is None:
            return
        yield error
        if isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        else:
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _described(error: BaseException) -> str:
    """The traceback and the type of an error; of Confab's own the message too, which is fit for strangers."""
    kind = type(error)
    message = f": {error}" if _is_ours(kind.__module__) else ""
    return "".join(traceback.format_tb(error.__traceback__)) + f"{kind.__module__}.{kind.__name__}{message}"
