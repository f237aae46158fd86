"""The one exception of this package."""

import random
from collections.abc import Mapping
from typing import Any

RETRYABLE = frozenset({"unavailable", "rate_limited", "network", "timeout"})
TOKEN = frozenset({"unauthenticated", "token_expired", "token_revoked"})


class ConfabError(Exception):
    """A call failed, or a room that is followed ended.

    `code` is the server's, or one of this package's with status 0: `network` and `timeout` (no response),
    `bad_response` (not Confab's), `signed_out` (there is no token); `removed`, `deleted` and `closed` (a room
    ended). `retry_after` is in seconds; `errors` name the fields of an `invalid_request`.
    """

    def __init__(self, code: str, detail: str, **more: Any) -> None:
        super().__init__(f"{code}: {detail}")
        self.code, self.detail = code, detail
        self.status: int = more.get("status", 0)
        self.request_id: str | None = more.get("requestId")
        self.retry_after: float | None = more.get("retryAfter")
        self.errors: list[dict[str, str]] = more.get("errors", [])
        self.retryable = code in RETRYABLE
        """Whether the same call may succeed later."""
        self.about_token = code in TOKEN
        """Whether another token may help."""

    @classmethod
    def of(cls, problem: Mapping[str, Any], retry_after: float | None = None) -> "ConfabError":
        """The error that a problem object (RFC 9457) describes."""
        known = {"code": "internal", "detail": problem.get("title", ""), "retryAfter": retry_after}
        return cls(**known | dict(problem))

    def pause_s(self, failures: int) -> float:
        """Seconds before the next try: `retry_after`, and a jittered backoff from 0.15 s up to 10 s."""
        longest = min(10.0, 0.3 * 2.0 ** min(failures - 1, 9))
        return (self.retry_after or 0.0) + longest * random.uniform(0.5, 1)
