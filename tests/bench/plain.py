"""What a developer would write with python-socketio: a room broadcast on uvicorn, nothing stored.

`PORT=… python -m tests.bench.plain CERTIFICATE_FILE`. The same events as `node/server.mjs`.
"""

import os
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jwt
import socketio
import uvicorn
from cryptography import x509


def application(certificate: bytes) -> socketio.ASGIApp:
    """The server as an ASGI application."""
    server = socketio.AsyncServer(async_mode="asgi")
    key = x509.load_pem_x509_certificate(certificate).public_key()
    seqs: Counter[str] = Counter()
    users: dict[str, str] = {}

    async def connect(sid: str, _: object, auth: dict[str, Any]) -> None:
        claims = jwt.decode(auth["token"], key, ["RS256"], options={"verify_aud": False})  # type: ignore[arg-type]
        users[sid] = claims["sub"]

    async def disconnect(sid: str, _: object) -> None:
        del users[sid]

    async def join(sid: str, payload: dict[str, Any]) -> dict[str, Any]:
        await server.enter_room(sid, payload["conversationId"])
        return {"ok": True}

    async def message(sid: str, payload: dict[str, Any]) -> dict[str, Any]:
        conversation_id = payload["conversationId"]
        seqs[conversation_id] += 1
        stored = {
            "id": f"{conversation_id}-{seqs[conversation_id]}",
            "conversationId": conversation_id,
            "seq": seqs[conversation_id],
            "role": "user",
            "author": users[sid],
            "content": payload["content"],
            "clientMessageId": None,
            "metadata": {},
            "createdAt": datetime.now(UTC).isoformat(timespec="milliseconds"),
        }
        await server.emit("message", stored, to=conversation_id)
        return {"ok": True, "message": stored}

    for handler in (connect, disconnect, join, message):
        server.on(handler.__name__, handler)
    return socketio.ASGIApp(server)


if __name__ == "__main__":
    served = application(Path(sys.argv[1]).read_bytes())
    uvicorn.run(served, host="127.0.0.1", port=int(os.environ["PORT"]), log_level="warning")
