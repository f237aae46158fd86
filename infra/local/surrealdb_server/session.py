"""One connection's requests, as those of its session in the engine."""

import hashlib
import uuid
from io import BytesIO
from typing import Any

from surrealdb.cbor import CBORDecoder
from surrealdb.data.cbor import decode, encode

from infra.local.surrealdb_server.engine import Engine

METHODS = frozenset({"authenticate", "info", "invalidate", "let", "ping", "query", "unset", "use", "version"})
"""Passed on to the engine, as `signin` is. None is on other sessions, and nothing is pushed for `live`."""

MAP = 5
SIZE = 0x1F
MOST_FIELDS = 22
"""CBOR: a map's major type; the bits of its first byte that count its pairs, up to 23."""


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


class Tokens:
    """The tokens of earlier sign-ins, by a digest of what was given.

    The engine takes some 50 ms to check a password, and next to nothing to check the token that it issued.
    """

    def __init__(self) -> None:
        self._issued: dict[bytes, str] = {}

    async def sign_in(self, engine: Engine, request: dict[str, Any], session: uuid.UUID) -> dict[str, Any]:
        """The engine's response to a sign-in."""
        given = hashlib.sha256(encode(request.get("params"))).digest()
        if (token := self._issued.get(given)) is not None:
            answer = await engine.call("authenticate", [token], session=session)
            if "error" not in answer:
                return {"id": request["id"], "result": token}
        answer = await engine.call("signin", request.get("params"), session=session)
        if "error" not in answer:
            self._issued[given] = answer["result"]
        return {**answer, "id": request["id"]}


class Session:
    """The server's side of one connection."""

    def __init__(self, engine: Engine, tokens: Tokens, session: uuid.UUID) -> None:
        self._engine = engine
        self._tokens = tokens
        self._session = session
        self._field = encode("session") + encode(session)

    async def answer(self, frame: bytes) -> bytes:
        """The CBOR answer to one CBOR request. Raises ValueError or CBORError for anything else."""
        match _head(frame):
            case {"id": str() as request_id, "method": "signin"}:
                return encode(await self._tokens.sign_in(self._engine, decode(frame), self._session))
            case {"method": str() as method, "id": str()} if method in METHODS:
                # Of two fields `session` the engine takes the last.
                return await self._engine.execute(bytes((frame[0] + 1,)) + frame[1:] + self._field)
            case {"id": str() as request_id, "method": str() as method}:
                details = {"kind": "Method", "details": {"name": method}}
                error = {
                    "code": -32601,
                    "kind": "NotFound",
                    "message": "Method not found",
                    "details": details,
                }
                return encode({"id": request_id, "error": error | {"cause": None}})
        raise ValueError("not an RPC request")
