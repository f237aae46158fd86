"""One connection's session: its sign-in, its namespace and database, its requests."""

import hmac
import secrets
import time
from io import BytesIO
from typing import Any

from surrealdb.cbor import CBORDecoder
from surrealdb.data.cbor import decode, encode

from infra.local.surrealdb_server.engine import NOWHERE, Engine, Scope

ENGINE_METHODS = frozenset({"query", "version"})
"""The engine's methods. Without `let` and `live`, because all connections share its one session."""

Credentials = tuple[str, str]
"""A user's name and password."""

MAP = 5
SIZE = 0x1F
MOST_FIELDS = 23
"""CBOR: a map's major type; the bits of its first byte that count its pairs, up to 23."""


class RpcError(Exception):
    """An error object of the RPC protocol."""

    def __init__(self, code: int, kind: str, message: str, details: dict[str, Any]) -> None:
        super().__init__(message)
        self.body = {"code": code, "kind": kind, "message": message, "details": details, "cause": None}


def _not_allowed(message: str, reason: str) -> RpcError:
    return RpcError(-32002, "NotAllowed", message, {"kind": "Auth", "details": {"kind": reason}})


def _head(frame: bytes) -> dict[Any, Any]:
    """A request's `id` and `method`; skips its parameters, which may be large.

    Raises ValueError or CBORError for anything but a small CBOR map (RFC 8949).
    """
    if not frame or frame[0] >> 5 != MAP or frame[0] & SIZE > MOST_FIELDS:
        raise ValueError("not an RPC request")
    decoder = CBORDecoder(BytesIO(frame[1:]))
    head: dict[Any, Any] = {}
    for _ in range(frame[0] & SIZE):
        field = decoder.decode()
        head[field] = decoder.decode()
        if "id" in head and "method" in head:
            break
    return head


class Session:
    """The server's side of one connection; expires `lifetime_s` seconds after its last sign-in."""

    def __init__(self, engine: Engine, credentials: Credentials, *, lifetime_s: float) -> None:
        self._engine = engine
        self._credentials = credentials
        self._lifetime_s = lifetime_s
        self._signed_in_until: float | None = None
        self._scope = NOWHERE

    async def answer(self, frame: bytes) -> bytes:
        """The CBOR answer to one CBOR request. Raises ValueError or CBORError for anything else."""
        match _head(frame):
            case {"id": str() as request_id, "method": str() as method}:
                is_for_engine = method in ENGINE_METHODS
            case _:
                raise ValueError("not an RPC request")
        try:
            if method == "query":
                self._require_sign_in()
            if is_for_engine:
                return await self._engine.execute(frame, self._scope)
            result = self._own(method, decode(frame).get("params") or [])
        except RpcError as error:
            return encode({"id": request_id, "error": error.body})
        return encode({"id": request_id, "result": result})

    def _own(self, method: str, params: list[Any]) -> object:
        """The result of a method on the session itself."""
        match method:
            case "ping":
                return None
            case "signin":
                return self._sign_in(params)
            case "invalidate":
                self._signed_in_until = None
                return None
            case "use":
                self._require_sign_in()
                return self._use(params)
        details = {"kind": "Method", "details": {"name": method}}
        raise RpcError(-32601, "NotFound", "Method not found", details)

    def _sign_in(self, params: list[Any]) -> str:
        given = params[0] if params and isinstance(params[0], dict) else {}
        user = given.get("user"), given.get("pass")
        if not hmac.compare_digest(repr(user).encode(), repr(self._credentials).encode()):
            raise _not_allowed("There was a problem with authentication", "InvalidAuth")
        self._signed_in_until = time.monotonic() + self._lifetime_s
        return secrets.token_urlsafe(32)

    def _require_sign_in(self) -> None:
        if self._signed_in_until is None:
            raise _not_allowed("Anonymous access not allowed: not signed in", "NotAllowed")
        if time.monotonic() >= self._signed_in_until:
            raise _not_allowed("The session has expired", "SessionExpired")

    def _use(self, params: list[Any]) -> dict[str, str]:
        match params:
            case [str() as namespace, str() as database] if namespace and database:
                self._scope = Scope(namespace, database)
                return {"namespace": namespace, "database": database}
        raise RpcError(-32603, "Validation", "Expected (ns, db)", {"kind": "InvalidParams"})
