"""Google's side of an ID token: a key pair, a certificate server and tokens signed for real."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.support.certificates import self_signed
from tests.support.threaded_server import threaded_server

PROJECT = "confab-test"


class SigningKey:
    """A key and its self-signed certificate, known under a key id."""

    def __init__(self, kid: str) -> None:
        self.kid = kid
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.certificate = self_signed(self._key, kid).public_bytes(serialization.Encoding.PEM).decode()

    def token(self, uid: str = "alice", **claims: Any) -> str:
        """A token as Firebase signs them, but for the claims given."""
        now = int(time.time())
        payload = {
            "iss": f"https://securetoken.google.com/{PROJECT}",
            "aud": PROJECT,
            "sub": uid,
            "iat": now - 10,
            "exp": now + 3600,
            "auth_time": now - 10,
        } | claims
        return jwt.encode(payload, self._key, "RS256", headers={"kid": self.kid})

    def service_account(self) -> dict[str, str]:
        """Credentials of a service account that signs with this key."""
        private = self._key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return {
            "type": "service_account",
            "project_id": PROJECT,
            "client_email": f"confab@{PROJECT}.example",
            "private_key": private.decode(),
            "token_uri": "http://127.0.0.1:9/token",
        }


class CertificateServer:
    """Serves certificates as Google does, and counts how often it was asked."""

    def __init__(self, *keys: SigningKey) -> None:
        self.certificates = {key.kid: key.certificate for key in keys}
        self.requests = 0
        self.delay_s = 0.0
        self.url = ""

    @contextmanager
    def running(self) -> Iterator["CertificateServer"]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.requests += 1
                time.sleep(outer.delay_s)
                body = json.dumps(outer.certificates).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Cache-Control", "public, max-age=3600")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        with threaded_server(Handler) as address:
            self.url = f"http://{address}/certs"
            yield self
