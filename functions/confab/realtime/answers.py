"""What an event is acknowledged with when its work fails, and what operators are told of it."""

import asyncio
import logging
import uuid
from collections.abc import Awaitable
from typing import TypeVar

from confab.domain.errors import ConfabError, Internal
from confab.ports import Span
from confab.realtime.protocol import refused
from confab.realtime.transport import Reply

log = logging.getLogger(__name__)

Answer = TypeVar("Answer", Reply, Reply | asyncio.Task[Reply])


async def answered(work: Awaitable[Answer], event: str, span: Span) -> Answer | Reply:
    """The answer that the work has, or the refusal that its error is. Never raises.

    A refusal is noted in the event's span, and logged with the request id that the client is told.
    """
    try:
        return await work
    except ConfabError as error:
        return _refusal(error, event, span, uuid.uuid4().hex)
    except Exception:
        request_id = uuid.uuid4().hex
        log.exception("an event failed", extra={"requestId": request_id, "event": event})
        return _refusal(Internal("Something went wrong on our side."), event, span, request_id)


def _refusal(error: ConfabError, event: str, span: Span, request_id: str) -> Reply:
    span.note("confab.code", error.code)
    span.note("confab.status", error.status)
    log.info("socket event", extra={"requestId": request_id, "event": event, "code": error.code})
    return Reply(refused(error, request_id))
