"""Structured logs: one JSON object a line, as Cloud Logging reads them.

A line names the trace that it belongs to, so that a request's lines are found together, whichever
process wrote them. No token, no credential and no message content is ever logged: pass ids,
counts and codes.
"""

import json
import logging
import sys

from confab import trace

LOGGERS = ("confab", "opentelemetry")
"""The second one tells that a collector does not take what is sent to it."""
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """A record as a line of JSON; what was passed as `extra` becomes its fields."""

    def __init__(self, project: str) -> None:
        super().__init__()
        self._traces = f"projects/{project}/traces/"

    def format(self, record: logging.LogRecord) -> str:
        """The record's line, without the newline."""
        line: dict[str, object] = {
            "severity": record.levelname,
            "message": record.getMessage(),
            "logger": record.name,
            **{name: value for name, value in vars(record).items() if name not in _STANDARD},
        }
        if (at := trace.current()) is not None:
            line["logging.googleapis.com/trace"] = self._traces + at.trace_id
            line["logging.googleapis.com/spanId"] = at.span_id
            line["logging.googleapis.com/trace_sampled"] = at.sampled
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


def setup(project: str, level: int = logging.INFO) -> None:
    """Send the logs of Confab and of its telemetry to standard error; calling it again changes nothing.

    `project` is the one in which Cloud Trace keeps the traces.
    """
    for logger in map(logging.getLogger, LOGGERS):
        if logger.handlers:
            continue
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(JsonFormatter(project))
        logger.addHandler(handler)
        logger.setLevel(level)
        logger.propagate = False
