"""The function that Cloud Scheduler invokes once a day: it deletes conversations past their retention."""

import logging
import time
from datetime import datetime, timedelta
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from confab.domain.errors import ConfabError
from confab.wiring import Adapters

log = logging.getLogger(__name__)

WITHIN_S = 540.0
"""Seconds that one run works; the next one, a day later, goes on where it stopped."""


class Expiry:
    """Deletes the conversations without activity for CONFAB_RETENTION_DAYS; with 0 it does nothing.

    It verifies no token: IAM admits Cloud Scheduler's account and nobody else. Whoever invokes it can bring
    about only what the configuration says. Concurrent and repeated runs are safe.
    """

    def __init__(self, adapters: Adapters) -> None:
        self._adapters = adapters

    async def __call__(self, request: Request) -> Response:
        """200 with `deleted` and `done`; any other status makes Cloud Scheduler repeat the run."""
        if request.method != "POST":
            return Response(status_code=HTTPStatus.METHOD_NOT_ALLOWED, headers={"Allow": "POST"})
        days = self._adapters.config.retention_days
        try:
            before = self._adapters.clock() - timedelta(days=days)
            deleted, done = await self._expire(before) if days else (0, True)
        except ConfabError as error:
            log.warning("conversations could not be expired", extra={"code": error.code})
            return JSONResponse({"code": error.code}, error.status)
        except Exception:
            log.exception("an operation failed")
            return Response(status_code=HTTPStatus.INTERNAL_SERVER_ERROR)
        log.info("conversations expired", extra={"deleted": deleted, "done": done})
        return JSONResponse({"deleted": deleted, "done": done})

    async def _expire(self, before: datetime) -> tuple[int, bool]:
        """How many conversations were deleted, and whether nothing is left of those that expired."""
        eraser = self._adapters.conversations.eraser
        deadline, deleted = time.monotonic() + WITHIN_S, 0
        while time.monotonic() < deadline:
            count = await eraser.expire(before)
            deleted += count
            if not count and not await eraser.purge():
                return deleted, True
        return deleted, False
