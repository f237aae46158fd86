"""Google's side, on loopback: certificates, metadata, users that can be banned, slow look-ups, tokens."""

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.firebase_keys import SigningKey

CERTIFICATES = ("/certificates", "/securetoken@system.gserviceaccount.com")
"""How the path of the certificates ends: with `tests.support.redirected`, and in production."""
DIRECTORY = {
    "_token_gen.py": "https://www.googleapis.com",
    "_user_mgt.py": "https://identitytoolkit.googleapis.com",
}
"""Where firebase-admin's modules look for Google."""
_ACCOUNT = {"email": "confab@confab.example", "aliases": ["default"], "scopes": []}
_ACCESS = {"access_token": "access", "expires_in": 3600, "token_type": "Bearer"}


class _Server(ThreadingHTTPServer):
    request_queue_size = 128
    block_on_close = False  # connections that are kept alive may outlive it


class Google:
    """What processes believe to be Google. Attacks steer it by the paths below `/control/`."""

    def __init__(self, key: SigningKey | None = None) -> None:
        self.address = ""
        self.delay_s = 0.0
        """How long keys and look-ups take."""
        self.broken = False
        """Whether keys and look-ups fail."""
        self.certificate_requests = 0
        self.key_set_requests = 0
        self.lookups: list[list[str]] = []
        """The users of each look-up."""
        self.changed: dict[str, Mapping[str, Any] | None] = {}
        """The records of users; None is one who was deleted. All others exist and are enabled."""
        self._delays_s: dict[str, float] = {}
        self._key = key or SigningKey("google-1")
        self.key_set: Any = {"keys": [self._key.jwk()]}
        """App Check's keys."""

    @contextmanager
    def serving(self) -> Iterator["Google"]:
        """Serve from threads for as long as the context lasts."""
        server = _Server(("127.0.0.1", 0), _handler(self))
        self.address = f"127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
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

    def token(self, uid: str) -> str:
        """A signed ID token that is good for an hour."""
        return self._key.token(uid)

    def get(self, path: str, query: dict[str, list[str]]) -> Any:
        """What a GET of this path is answered with."""
        if path == "/control/token":
            return {"token": self.token(query["uid"][0])}
        if path == "/control/lookups":
            return {"lookups": sum(uids.count(query["uid"][0]) for uids in self.lookups)}
        if path.endswith(CERTIFICATES):
            self.certificate_requests += 1
            time.sleep(self.delay_s)
            return {self._key.kid: self._key.certificate}
        if path.endswith("/jwks"):
            self.key_set_requests += 1
            time.sleep(self.delay_s)
            return self.key_set
        return _ACCESS if "/token" in path else _ACCOUNT

    def post(self, path: str, body: Any) -> Any:
        """What a POST is answered with: `/control/…` changes something, anything else looks users up."""
        if path == "/control/delay":
            self._delays_s[body["uid"]] = body["seconds"]
            return {}
        if path == "/control/user":
            self.changed[body["uid"]] = body["record"]
            return {}
        return self._look_up(body.get("localId", []))

    def _look_up(self, uids: list[str]) -> dict[str, Any]:
        self.lookups.append(uids)
        time.sleep(max((self._delays_s.get(uid, self.delay_s) for uid in uids), default=0.0))
        records = {uid: self.changed.get(uid, {}) for uid in uids}
        users = [{"localId": uid, **record} for uid, record in records.items() if record is not None]
        return {"users": users} if users else {}


def _handler(google: Google) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 65_536  # an answer goes out in one piece

        def do_GET(self) -> None:
            address = urlsplit(self.path)
            self._answer(503 if google.broken else 200, google.get(address.path, parse_qs(address.query)))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(400 if google.broken else 200, google.post(self.path, json.loads(body)))

        def _answer(self, status: int, fields: Any) -> None:
            body = json.dumps(fields).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Cache-Control", "public, max-age=3600")
            self.send_header("Metadata-Flavor", "Google")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler
