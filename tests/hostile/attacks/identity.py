"""Users who are banned while they are connected, and tokens that make the server look users up."""

import asyncio
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from tests.hostile.attacks.attack import Attack
from tests.hostile.attempt import API, GET, TTL_S, Attempt
from tests.hostile.raw import SERVER_ERROR, Answer, exchange, http
from tests.support.wire import WireSocket

MARGIN_S, SLACK_S = 5, 1.0
"""Seconds that a ban may take beyond the time for which users are trusted, and for which this waits more."""
PAUSE_S = 0.5
SPELLED_S, SAME_S = 0.1, 2.0
"""How long a look-up of the user takes; of everybody else it is quick."""
SPELLED_PER_S, SAME_PER_S = 200, 300
"""Requests a second: what a function has the processor for."""
NEWCOMERS_S, NEWCOMER_MS = 0.5, 1_000.0
"""Between users whom the server does not know yet, and within which each is served."""
LOOKED_UP_S = 20.0


def bans() -> dict[str, dict[str, Any] | None]:
    """What Google says of a user who is banned, by how."""
    return {
        "disabled": {"disabled": True},
        "revoked": {"validSince": str(int(time.time()) + 60)},
        "deleted": None,
    }


async def banned(attempt: Attempt) -> None:
    """Ban three users, each in their own way, who have a socket on every instance."""
    attempt.outcome.sent = "users disabled, revoked and deleted, with live sockets on every instance"
    sockets: dict[str, list[WireSocket]] = {}
    for way in bans():
        sockets[way] = await attempt.sockets((way,), await attempt.conversation(way, []))
    await attempt.begin()
    for way, record in bans().items():
        await attempt.google("POST", "/control/user", {"uid": way, "record": record})
    await asyncio.gather(*(_cut_off(attempt, way, each) for way, each in sockets.items()))


async def _cut_off(attempt: Attempt, way: str, sockets: list[WireSocket]) -> None:
    """Wait until every function and socket refuses the user."""
    started, most_s = time.monotonic(), max(TTL_S, MARGIN_S) + MARGIN_S + SLACK_S

    async def refused() -> None:
        while (answer := await attempt.rest(GET, "/absent", way)).status != 401:
            attempt.saw(answer)
            await asyncio.sleep(PAUSE_S)

    waits = {"a function": asyncio.create_task(refused())}
    waits |= {f"socket {number}": socket.reading for number, socket in enumerate(sockets)}
    _, late = await asyncio.wait(waits.values(), timeout=most_s)
    attempt.note(way, f"cut off after {time.monotonic() - started:.1f} s")
    for name, wait in waits.items():
        if wait in late:
            attempt.fail(f"{way}: {name} still goes on after {most_s:.0f} s")
            wait.cancel()
    if silent := sum(not socket.of("auth_expired") for socket in sockets):
        attempt.fail(f"{way}: {silent} sockets got no auth_expired")


def spellings(token: str, count: int) -> list[str]:
    """Other ways to write a token that a lenient decoder takes for the same."""
    head, payload, signature = token.split(".")
    return [
        f"{head}.{payload}.{signature[:place]}{junk}{signature[place:]}"
        for junk in ("~~~~", "!!!!")
        for place in range(len(signature))
    ][:count]


async def spelled(attempt: Attempt, *, count: int) -> None:
    """One token in many spellings."""
    uid = f"speller-{count}"
    tokens = spellings(await attempt.token(uid), attempt.count(count, 60))
    attempt.random.shuffle(tokens)
    attempt.outcome.sent = f"{len(tokens)} spellings of a token, look-ups of {SPELLED_S} s"
    await _flood(attempt, uid, tokens, per_s=SPELLED_PER_S, lookup_s=SPELLED_S, most=2)


async def same(attempt: Attempt) -> None:
    """One token while its user's look-up is due and in flight: one look-up serves all."""
    count, token = attempt.count(600, 100), await attempt.token("same")
    await _get(attempt, token)
    await asyncio.sleep(TTL_S + 1)
    attempt.outcome.sent = f"{count} requests with one token, a look-up of {SAME_S} s due"
    await _flood(attempt, "same", [token] * count, per_s=SAME_PER_S, lookup_s=SAME_S, most=1)
    if "503 unavailable" in attempt.outcome.answers:
        attempt.fail("a request was refused, although its user was being looked up")


async def _flood(
    attempt: Attempt, uid: str, tokens: Sequence[str], *, per_s: int, lookup_s: float, most: int
) -> None:
    before = await _lookups(attempt, uid)
    await attempt.google("POST", "/control/delay", {"uid": uid, "seconds": lookup_s})
    await attempt.begin()
    started, requests = time.monotonic(), []
    newcomers = asyncio.create_task(_newcomers(attempt, uid))
    for number, token in enumerate(tokens):
        await asyncio.sleep(max(0.0, started + number / per_s - time.monotonic()))
        requests.append(asyncio.create_task(_get(attempt, token)))
    answers = await asyncio.gather(*requests)
    seconds = time.monotonic() - started
    newcomers.cancel()
    attempt.saw(*answers)
    lookups = await _lookups(attempt, uid) - before
    attempt.note("look-ups", lookups)
    if lookups > most + int(seconds / TTL_S):  # due again meanwhile
        attempt.fail(f"{lookups} look-ups of one user")


async def _newcomers(attempt: Attempt, uid: str) -> None:
    """Users whom the server has not seen before, until cancelled."""
    number = 0
    while True:
        await asyncio.sleep(NEWCOMERS_S)
        number += 1
        answer = await _get(attempt, await attempt.token(f"{uid}-newcomer-{number}"))
        attempt.saw(answer)
        if answer.status >= SERVER_ERROR or answer.ms > NEWCOMER_MS:
            attempt.fail(f"a newcomer was answered {answer.said} after {answer.ms:.0f} ms")


async def _get(attempt: Attempt, token: str) -> Answer:
    request = http("GET", f"{API}/absent", {"Authorization": f"Bearer {token}"})
    return await exchange(attempt.target.functions[GET], request, LOOKED_UP_S)


async def _lookups(attempt: Attempt, uid: str) -> int:
    found: int = (await attempt.google("GET", f"/control/lookups?uid={uid}"))["lookups"]
    return found


ATTACKS = (
    Attack("banned", banned),
    Attack("spellings-200", partial(spelled, count=200)),
    Attack("spellings-600", partial(spelled, count=600)),
    Attack("same-token", same),
)
