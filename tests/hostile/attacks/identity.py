"""Users who are banned while they are connected, and tokens that make the server look users up."""

import asyncio
import time
from functools import partial
from typing import Any

from tests.hostile.attacks.attack import Attack
from tests.hostile.attempt import Attempt
from tests.hostile.raw_http import Answer, ask
from tests.support.wire import WireSocket

DELAY_S = 0.1
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
    untold = sum(not socket.of("auth_expired") for socket in sockets)
    attempt.note(
        f"{way}: refused by a function, sockets closed",
        f"{refused_after}, {'never' if still else f'{seconds:.1f} s'}",
    )
    if refused_after is None or refused_after > most_s:
        attempt.fail(f"{way}: a function still answers")
    if still or seconds > most_s:
        attempt.fail(f"{way}: {len(still)} of {len(sockets)} sockets are open after {seconds:.0f} s")
    if untold:
        attempt.fail(f"{way}: {untold} sockets were not told auth_expired")
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


def spellings(token: str, count: int) -> list[str]:
    """Other ways to write a token that a lenient decoder takes for the same."""
    head, payload, signature = token.split(".")
    places = range(len(signature))
    made = [
        f"{head}.{payload}.{signature[:place]}{junk}{signature[place:]}"
        for junk in ("~~~~", "!!!!")
        for place in places
    ]
    return made[:count]


async def spelled(attempt: Attempt, *, count: int) -> None:
    """One token in many spellings, while every look-up takes 100 ms."""
    count = attempt.count(count, 60)
    uid = f"speller-{count}"
    token = await attempt.token(uid)
    attempt.outcome.sent = f"{count} spellings of one token, look-ups of {DELAY_S * 1000:.0f} ms"
    tokens = spellings(token, count)
    attempt.random.shuffle(tokens)
    await _flood(attempt, uid, tokens, most_lookups=2)


async def same(attempt: Attempt) -> None:
    """One token, in parallel, when its user is due to be looked up: one look-up serves all."""
    count = attempt.count(600, 60)
    token = await attempt.token("same")
    await _get(attempt, token)
    await asyncio.sleep(attempt.target.ttl_s + 1)
    attempt.outcome.sent = f"{count} parallel requests with one token, its look-up due and of 100 ms"
    answers = await _flood(attempt, "same", [token] * count, most_lookups=1)
    if refused := sum(answer.status >= 500 for answer in answers):
        attempt.fail(f"{refused} of {count} were answered 503")


async def _flood(attempt: Attempt, uid: str, tokens: list[str], *, most_lookups: int) -> list[Answer]:
    before = await _lookups(attempt, uid)
    await attempt.google("POST", "/control/delay", {"seconds": DELAY_S})
    await attempt.begin()
    started = time.monotonic()
    try:
        answers = await asyncio.gather(*(_get(attempt, token) for token in tokens))
    finally:
        await attempt.google("POST", "/control/delay", {"seconds": 0})
    seconds = time.monotonic() - started
    attempt.saw(*answers)
    lookups = await _lookups(attempt, uid) - before
    attempt.note("look-ups", lookups)
    attempt.note("statuses", attempt.outcome.answers)
    attempt.note("slowest", f"{max(answer.ms for answer in answers):.0f} ms")
    if lookups > most_lookups + int(seconds / attempt.target.ttl_s):  # due again meanwhile
        attempt.fail(f"{lookups} look-ups of one user")
    return list(answers)


async def _get(attempt: Attempt, token: str) -> Answer:
    headers = {"Authorization": f"Bearer {token}"}
    address = attempt.target.functions["get_conversation"]
    return await ask(address, "GET", "/api/conversations/absent", headers=headers, within_s=20)


async def _lookups(attempt: Attempt, uid: str) -> int:
    found: int = (await attempt.google("GET", f"/control/lookups?uid={uid}"))["lookups"]
    return found


ATTACKS = (
    Attack("banned", 2, banned),
    Attack("own-auth", 2, own_auth),
    Attack("spellings-200", 2, partial(spelled, count=200)),
    Attack("spellings-600", 2, partial(spelled, count=600)),
    Attack("same-token", 2, same),
)
