"""Google's side of an ID token: a key pair, and tokens signed for real."""

import time
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.support.certificates import self_signed

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
