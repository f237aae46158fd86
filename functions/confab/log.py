"""Structured logs: one JSON object a line, as Cloud Logging reads them.

No token, no credential and no message content is ever logged: pass ids, counts and codes.
"""

import json
import logging
import sys

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """A record as a line of JSON; what was passed as `extra` becomes its fields."""

    def format(self, record: logging.LogRecord) -> str:
        """The record's line, without the newline."""
        line: dict[str, object] = {
            "severity": record.levelname,
            "message": record.getMessage(),
            "logger": record.name,
            **{name: value for name, value in vars(record).items() if name not in _STANDARD},
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


def setup(level: int = logging.INFO) -> None:
    """Send the logs of `confab` to standard error; calling it again changes nothing."""
    logger = logging.getLogger("confab")
    if logger.handlers:
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logger.addHandler(handler)
    logger.setLevel(level)
    logger.propagate = False
