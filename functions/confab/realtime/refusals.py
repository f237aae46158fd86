"""What a client gets for an error, and what operators see of it: the only place where sockets meet errors."""

import logging
import uuid
from typing import Any

from confab.domain.errors import ConfabError, Internal, problem
from confab.ports import Span

log = logging.getLogger(__name__)

DEFECT = Internal("Something went wrong on our side.")


def problem_of(error: Exception, event: str, span: Span | None = None) -> dict[str, Any]:
    """The problem object of an error, which is logged with its request id and noted in the event's span.

    An error that is not Confab's own is a defect: the client gets `internal`, the log a traceback.
    """
    request_id = uuid.uuid4().hex
    if not isinstance(error, ConfabError):
        log.error("an event failed", exc_info=error, extra={"requestId": request_id, "event": event})
        error = DEFECT
    log.info("socket event", extra={"requestId": request_id, "event": event, "code": error.code})
    if span is not None:
        span.note("confab.code", error.code)
        span.note("confab.status", error.status)
    return problem(error, request_id)


def refused(problem: dict[str, Any]) -> dict[str, Any]:
    """The acknowledgement of an event that changed nothing."""
    return {"ok": False, "error": problem}
