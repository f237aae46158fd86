"""Users who are banned while they are connected, and tokens that make the server look users up."""

import asyncio
import time
from typing import Any

from tests.hostile.attacks.attack import Attack
from tests.hostile.attempt import Attempt
from tests.support.wire import WireSocket

MARGIN_S = 5
SLACK_S = 1.0
WATCHED_S = 20.0
PAUSE_S = 0.5
REVOKED_LATER_S = 60
UNAUTHENTICATED = 401


def _bans() -> dict[str, dict[str, Any] | None]:
    later = int(time.time()) + REVOKED_LATER_S
    return {"disabled": {"disabled": True}, "revoked": {"validSince": str(later)}, "deleted": None}


async def banned(attempt: Attempt) -> None:
    """Ban three users, each in their own way, who have a socket on every instance."""
    most_s = max(attempt.target.ttl_s, MARGIN_S) + MARGIN_S + SLACK_S
    attempt.outcome.sent = "users disabled, revoked and deleted, with live sockets on every instance"
    sockets: dict[str, list[WireSocket]] = {}
    for way in _bans():
        room = await attempt.conversation(way, [])
        each = range(len(attempt.target.instances))
        sockets[way] = [await attempt.socket(way, instance=number, room=room) for number in each]
    await attempt.begin()
    for way, record in _bans().items():
        await attempt.google("POST", "/control/user", {"uid": way, "record": record})
    await asyncio.gather(*(_cut_off(attempt, way, each, most_s) for way, each in sockets.items()))


async def _cut_off(attempt: Attempt, way: str, sockets: list[WireSocket], most_s: float) -> None:
    started = time.monotonic()
    refused_after: float | None = None
    while time.monotonic() - started < WATCHED_S:
        if refused_after is None:
            answer = await attempt.rest("get_conversation", "/absent", way)
            attempt.saw(answer)
            if answer.status == UNAUTHENTICATED:
                refused_after = time.monotonic() - started
        if refused_after is not None and all(socket.reading.done() for socket in sockets):
            break
        await asyncio.sleep(PAUSE_S)
    seconds = time.monotonic() - started
    still = [socket for socket in sockets if not socket.reading.done()]
    silent = sum(not socket.of("auth_expired") for socket in sockets)
    refused = "never" if refused_after is None else f"{refused_after:.1f} s"
    closed = "never" if still else f"{seconds:.1f} s"
    attempt.note(way, f"refused by a function after {refused}, sockets closed {closed}")
    if refused_after is None or refused_after > most_s:
        attempt.fail(f"{way}: a function still answers")
    if still or seconds > most_s:
        attempt.fail(f"{way}: {len(still)} of {len(sockets)} sockets are open after {seconds:.0f} s")
    if silent:
        attempt.fail(f"{way}: {silent} sockets got no auth_expired")
    for socket in still:
        await socket.close()


async def own_auth(attempt: Attempt) -> None:
    """A socket whose own `auth` is answered token_revoked does not go on."""
    attempt.outcome.sent = "auth with a revoked token on a live socket, then a message"
    room = await attempt.conversation("renewer", [])
    token = await attempt.token("renewer")
    socket = await attempt.socket("renewer", room=room)
    await attempt.begin()
    await attempt.google("POST", "/control/user", {"uid": "renewer", "record": _bans()["revoked"]})
    until = time.monotonic() + attempt.target.ttl_s + MARGIN_S
    while time.monotonic() < until and not socket.reading.done():
        asking = asyncio.create_task(socket.call("auth", {"token": token}))
        await asyncio.wait((asking, socket.reading), timeout=PAUSE_S * 4, return_when=asyncio.FIRST_COMPLETED)
        if not asking.done() or asking.exception() is not None:
            asking.cancel()
            break
        if not asking.result()["ok"]:
            attempt.note("auth", asking.result()["error"]["code"])
            break
        await asyncio.sleep(PAUSE_S)
    await asyncio.wait((socket.reading,), timeout=2)
    if not socket.reading.done():
        ack = await socket.call("message", {"conversationId": room, "content": "still here"})
        attempt.fail(f"the socket goes on after token_revoked; its next message: ok {ack['ok']}")
        await socket.close()


ATTACKS = (
    Attack("banned", 2, banned),
    Attack("own-auth", 2, own_auth),
)
