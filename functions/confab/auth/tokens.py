"""The form of a token, and whom the claims of an ID token name."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from confab.domain.errors import Unauthenticated
from confab.domain.models import Principal
from confab.domain.requests import check_user_id

MAX_CHARS = 8_192
_BASE64URL = (
    "(?:[A-Za-z0-9_-]{4})*(?:[A-Za-z0-9_-][AQgw]|[A-Za-z0-9_-]{2}[AEIMQUYcgkosw048])?"
    # RFC 7515, section 2, without unused bits that are set (RFC 4648, section 3.5)
)
TOKEN = re.compile(rf"{_BASE64URL}\.{_BASE64URL}\.{_BASE64URL}", re.ASCII)
"""The one spelling of a token. A decoder accepts others, each of which would be cached on its own."""


def require_token(text: str, what: str) -> None:
    """Raises Unauthenticated for what is no token."""
    if len(text) > MAX_CHARS:
        raise Unauthenticated(f"An {what} has at most {MAX_CHARS} characters.")
    if TOKEN.fullmatch(text) is None:
        raise Unauthenticated(f"The {what} is not a token in the form that Firebase gives it.")


def caller(claims: Mapping[str, Any]) -> Principal:
    """The caller that the claims of an ID token name, whose types are not checked if it is an emulator's.

    Raises Unauthenticated.
    """
    if _sign_in(claims).get("tenant") is not None:
        raise Unauthenticated("Users of Identity Platform tenants are not taken.")
    issued_at, expires_at = claims.get("iat"), claims.get("exp")
    try:
        if not isinstance(issued_at, int) or not isinstance(expires_at, int):
            raise TypeError
        begins, ends = datetime.fromtimestamp(issued_at, UTC), datetime.fromtimestamp(expires_at, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        raise Unauthenticated("The ID token does not say from when to when it is valid.") from None
    try:
        uid = check_user_id(claims["uid"])
    except ValueError as error:
        raise Unauthenticated(f"The uid {error}.") from None
    return Principal(
        uid=uid,
        agent=claims.get("agent") is True,
        custom_token=_sign_in(claims).get("sign_in_provider") == "custom",
        issued_at=begins,
        expires_at=ends,
        signed_in_at=_signed_in_at(claims.get("auth_time")),
    )


def _sign_in(claims: Mapping[str, Any]) -> Mapping[str, Any]:
    """How the user signed in."""
    sign_in = claims.get("firebase")
    return sign_in if isinstance(sign_in, dict) else {}


def _signed_in_at(auth_time: object) -> datetime | None:
    try:
        return datetime.fromtimestamp(auth_time, UTC) if isinstance(auth_time, int) else None
    except (ValueError, OverflowError, OSError):
        return None
