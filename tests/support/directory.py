"""Firebase Auth's users: the look-up of its emulator, over HTTP, with users who can be ended."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.support.threaded_server import threaded_server


class Directory:
    """Every user exists and is enabled until a test changes that."""

    def __init__(self) -> None:
        self.host = ""
        self.lookups: list[list[str]] = []
        """The users of each look-up."""
        self.delay_s = 0.0
        self.broken = False
        self._disabled: set[str] = set()
        self._deleted: set[str] = set()
        self._valid_since: dict[str, int] = {}

    def disable(self, uid: str) -> None:
        self._disabled.add(uid)

    def delete(self, uid: str) -> None:
        self._deleted.add(uid)

    def revoke(self, uid: str, since: int | None = None) -> None:
        """Sign the user out everywhere."""
        self._valid_since[uid] = int(time.time()) + 1 if since is None else since

    @contextmanager
    def running(self) -> Iterator["Directory"]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                uids = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["localId"]
                outer.lookups.append(uids)
                time.sleep(outer.delay_s)
                body = json.dumps({"users": outer._records(uids)}).encode()
                self.send_response(400 if outer.broken else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        with threaded_server(Handler) as self.host:
            yield self

    def _records(self, uids: list[str]) -> list[dict[str, Any]]:
        return [
            {
                "localId": uid,
                "disabled": uid in self._disabled,
                "validSince": str(self._valid_since.get(uid, 0)),
            }
            for uid in uids
            if uid not in self._deleted
        ]
