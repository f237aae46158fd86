"""Google's side of an ID token: a key pair, and tokens signed for real."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from jwt.algorithms import RSAAlgorithm

PROJECT = "confab-test"


class SigningKey:
    """A key and its self-signed certificate, known under a key id."""

    def __init__(self, kid: str) -> None:
        self.kid = kid
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.certificate = self._certificate().public_bytes(serialization.Encoding.PEM).decode()

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

    def app_check_token(self, **claims: Any) -> str:
        """A token as App Check signs them, but for the claims given."""
        now = int(time.time())
        payload = {
            "iss": "https://firebaseappcheck.googleapis.com/123",
            "aud": ["projects/123", f"projects/{PROJECT}"],
            "sub": "1:123:web:abc",
            "iat": now - 10,
            "exp": now + 3600,
        } | claims
        return jwt.encode(payload, self._key, "RS256", headers={"kid": self.kid})

    def jwk(self) -> dict[str, Any]:
        """The public key in the form of a JWK Set."""
        fields = RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return {**fields, "kid": self.kid, "use": "sig", "alg": "RS256"}

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

    def _certificate(self) -> x509.Certificate:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.kid)])
        now = datetime.now(UTC)
        certificate = x509.CertificateBuilder(name, name, self._key.public_key(), x509.random_serial_number())
        certificate = certificate.not_valid_before(now - timedelta(days=1))
        return certificate.not_valid_after(now + timedelta(days=1)).sign(self._key, hashes.SHA256())
