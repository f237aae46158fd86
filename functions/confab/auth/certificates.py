"""Google's certificates, kept for as long as Google says.

firebase-admin asks for them for each token, through an HTTP client with a cache: building a
request to find the answer in that cache costs five times what checking the signature does.
"""

import re
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

MARGIN_S = 5
"""Seconds for which certificates that are at hand stay so."""
_MAX_AGE = re.compile(r"\bmax-age\s*=\s*(\d+)")


class KeptCertificates:
    """A google-auth transport (`request(url, …) → response`) that keeps one good answer of each URL.

    An answer is used again for the `max-age` that it came with, less its `Age` (RFC 9111, section
    4.2); one without is not. Safe to call from several threads: at worst some of them fetch.
    """

    def __init__(self, fetch: Callable[..., Any], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._clock = clock
        self._kept: dict[str, tuple[float, Any]] = {}

    def at_hand(self) -> bool:
        """Whether every URL that was asked for so far can be answered for a while without a fetch."""
        soon = self._clock() + MARGIN_S
        return bool(self._kept) and all(soon < until for until, _ in self._kept.values())

    def __call__(self, url: str, method: str = "GET", **options: Any) -> Any:
        """The answer to a GET without a body; the errors are those of the transport."""
        until, response = self._kept.get(url, (0.0, None))
        now = self._clock()
        if response is not None and now < until:
            return response
        response = self._fetch(url, method=method, **options)
        if response.status == HTTPStatus.OK:
            self._kept[url] = (now + _fresh_for_s(response.headers), response)
        return response


def _fresh_for_s(headers: Any) -> int:
    control = _MAX_AGE.search(headers.get("Cache-Control", ""))
    age = headers.get("Age", "0")
    if control is None or not age.isdecimal():
        return 0
    return int(control[1]) - int(age)
