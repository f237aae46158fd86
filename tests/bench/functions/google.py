"""Google's side: certificates, access tokens and user records, so that the production path runs whole."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from tests.support.firebase_keys import SigningKey

UID = "alice"
DIRECTORY = {
    "_token_gen.py": "https://www.googleapis.com",
    "_user_mgt.py": "https://identitytoolkit.googleapis.com",
}
"""Where firebase-admin's modules look for Google."""


class Google:
    """A key and the server that vouches for it, which is also Cloud Run's metadata server."""

    def __init__(self) -> None:
        self._key = SigningKey("google-1")
        self.address = ""

    @contextmanager
    def serving(self) -> Iterator["Google"]:
        """Serve on loopback, from a thread; gone afterwards."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self._key))
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        self.address = f"127.0.0.1:{server.server_port}"
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{self.address}"

    def token(self) -> str:
        """A signed ID token that is good for an hour."""
        return self._key.token(UID)


def _handler(key: SigningKey) -> type[BaseHTTPRequestHandler]:
    certificates = {key.kid: key.certificate}
    account = {"email": "functions@confab.example", "aliases": ["default"], "scopes": []}
    access = {"access_token": "access", "expires_in": 3600, "token_type": "Bearer"}
    users = {"users": [{"localId": UID}]}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 65_536  # an answer goes out in one piece: nobody waits for an acknowledgement in between

        def do_GET(self) -> None:
            if "/computeMetadata/" not in self.path:
                self._answer(account if self.path == "/" else certificates)
            else:
                self._answer(access if "/token" in self.path else account)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(users)

        def _answer(self, fields: dict[str, Any]) -> None:
            body = json.dumps(fields).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Cache-Control", "public, max-age=3600")
            self.send_header("Metadata-Flavor", "Google")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler
