"""Users with tokens that nobody signed, as the Auth emulator's are."""

import base64
import json
import time
from dataclasses import dataclass

PROJECT = "demo-confab"


@dataclass(frozen=True, slots=True)
class User:
    """Somebody, with a token for the length of a storm."""

    uid: str
    token: str


def user(uid: str, lifetime_s: int = 86_400, *, age_s: int = 10) -> User:
    """A user; firebase-admin takes the token when its environment names an Auth emulator."""
    now = int(time.time())
    header = {"alg": "none", "typ": "JWT"}
    payload = {
        "iss": f"https://securetoken.google.com/{PROJECT}",
        "aud": PROJECT,
        "sub": uid,
        "iat": now - age_s,
        "auth_time": now - age_s,
        "exp": now + lifetime_s,
    }
    return User(uid, f"{_encoded(header)}.{_encoded(payload)}.")


def _encoded(part: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
