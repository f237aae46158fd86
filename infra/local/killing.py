"""Lets the page kill a realtime instance, to show that nothing is lost: `POST /HOST:PORT` on loopback."""

import asyncio
from collections.abc import Callable, Collection, Coroutine, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from infra.local.addresses import Address

HEADER = "X-Confab-Kill"
"""The header of the page with which the local stack offers it, and where."""
_ANSWER_S = 5.0

Kill = Callable[[str], Coroutine[Any, Any, bool]]
"""Kills the instance that serves this address; whether there is one, and it is ready."""


@contextmanager
def offered(at: Address, origins: Collection[str], kill: Kill) -> Iterator[None]:
    """Serve it there to pages of these origins alone; `kill` runs on the event loop of this call."""
    loop = asyncio.get_running_loop()

    class Handler(BaseHTTPRequestHandler):
        timeout = _ANSWER_S

        def do_POST(self) -> None:
            origin = self.headers["Origin"]
            if origin not in origins:
                self.send_error(HTTPStatus.FORBIDDEN)
                return
            killed = asyncio.run_coroutine_threadsafe(kill(self.path[1:]), loop).result(_ANSWER_S)
            self.send_response(HTTPStatus.NO_CONTENT if killed else HTTPStatus.NOT_FOUND)
            self.send_header("Access-Control-Allow-Origin", origin)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """The supervisor says what ended."""

    with ThreadingHTTPServer((at.host, at.port), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()
