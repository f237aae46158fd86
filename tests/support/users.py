"""Users with tokens that nobody signed, as the Auth emulator's are."""

import time
from dataclasses import dataclass

import jwt

PROJECT = "demo-confab"


@dataclass(frozen=True, slots=True)
class User:
    """Somebody, with a token for the length of a storm."""

    uid: str
    token: str


def user(uid: str, lifetime_s: int = 86_400, *, age_s: int = 10, **claims: object) -> User:
    """A user; firebase-admin takes the token when its environment names an Auth emulator."""
    now = int(time.time())
    payload = {
        "iss": f"https://securetoken.google.com/{PROJECT}",
        "aud": PROJECT,
        "sub": uid,
        "iat": now - age_s,
        "auth_time": now - age_s,
        "exp": now + lifetime_s,
        **claims,
    }
    return User(uid, jwt.encode(payload, "", "none"))
