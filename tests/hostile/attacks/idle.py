"""Connections that send nothing, or half a request."""

import asyncio
from functools import partial

from tests.hostile.attacks.attack import Attack
from tests.hostile.attacks.session import Session
from tests.hostile.attempt import Attempt
from tests.hostile.raw_http import READ_BYTES, connect
from tests.hostile.raw_socket import PATH as WEBSOCKET

HELD_S = 15.0
SLACK_S = 5.0
NOT_OURS = ("silent", "half a header")
"""What a function's server, which is functions-framework's, waits for without end: see docs/guarantees.md."""
KINDS = ("silent", "half a header", "kept alive", "WebSocket", "half a body")


async def idle(attempt: Attempt, *, function: str | None = None) -> None:
    """Open so many of each kind, and count after 20 s which are still there."""
    many = attempt.count(50, 5)
    attempt.outcome.sent = f"{many} each of: {', '.join(KINDS)}"
    openings = await (_function(attempt, function, many) if function else _instance(attempt, many))
    address = attempt.target.functions[function] if function else attempt.instance
    await attempt.begin()
    held = {
        kind: [asyncio.create_task(_held(address, each)) for each in sent] for kind, sent in openings.items()
    }
    every = [task for tasks in held.values() for task in tasks]
    await asyncio.wait(every, timeout=HELD_S + SLACK_S)
    for kind, tasks in held.items():
        still = sum(not task.done() for task in tasks)
        attempt.note(f"{kind}, open", still)
        if still and not (function and kind in NOT_OURS):
            attempt.fail(f"{still} of {many} {kind} are open after {HELD_S + SLACK_S:.0f} s")
    for task in every:
        task.cancel()
    await asyncio.gather(*every, return_exceptions=True)


async def _instance(attempt: Attempt, many: int) -> dict[str, list[bytes]]:
    sessions = [await Session.open(attempt.instance) for _ in range(many)]
    halves = [f"POST {each.path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n4" for each in sessions]
    return _common("/healthz", WEBSOCKET, many) | {"half a body": [half.encode() for half in halves]}


async def _function(attempt: Attempt, function: str, many: int) -> dict[str, list[bytes]]:
    path = "/api/conversations"
    half = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n"
        f'Authorization: Bearer {await attempt.token("idler")}\r\n\r\n{{"type"'
    )
    return _common(path, path, many) | {"half a body": [half.encode()] * many}


def _common(path: str, websocket: str, many: int) -> dict[str, list[bytes]]:
    sent = {
        "silent": b"",
        "half a header": f"GET {path} HTTP/1.1\r\nHost: x\r\nX-".encode(),
        "kept alive": f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode(),
        "WebSocket": _upgrade(websocket),
    }
    return {kind: [each] * many for kind, each in sent.items()}


def _upgrade(path: str) -> bytes:
    return (
        f"GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()


async def _held(address: str, sent: bytes) -> None:
    """Send this much, and no more; returns once the server ends the connection."""
    reader, writer = await connect(address)
    try:
        writer.write(sent)
        while await reader.read(READ_BYTES):
            pass
    except OSError:
        return
    finally:
        writer.close()


ATTACKS = (
    Attack("idle-instance", 1, idle),
    Attack("idle-function", 1, partial(idle, function="create_conversation")),
)
