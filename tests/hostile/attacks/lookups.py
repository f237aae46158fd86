"""Tokens that make the server look a user up, again and again."""

import asyncio
import time
from collections.abc import Sequence
from functools import partial

from tests.hostile.attacks.attack import Attack
from tests.hostile.attempt import Attempt
from tests.hostile.raw_http import UNAVAILABLE, Answer, ask

SPELLED_S, SAME_S = 0.1, 2.0
"""How long a look-up of the user takes; of everybody else it is quick."""
SPELLED_PER_S, SAME_PER_S = 200, 300
"""Requests a second: what a function has the processor for."""
NEWCOMERS_S = 0.5
NEWCOMER_MS = 1_000.0
"""Within which somebody whom the server does not know yet is served meanwhile."""
ANSWER_S = 20.0


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
    uid, count = f"speller-{count}", attempt.count(count, 60)
    tokens = spellings(await attempt.token(uid), count)
    attempt.random.shuffle(tokens)
    attempt.outcome.sent = (
        f"{count} spellings of a token, {SPELLED_PER_S} a second, look-ups of {SPELLED_S} s"
    )
    await _flood(attempt, uid, tokens, per_s=SPELLED_PER_S, lookup_s=SPELLED_S, most=2)


async def same(attempt: Attempt) -> None:
    """One token while its user's look-up is due and in flight: one look-up serves all."""
    uid, count = "same", attempt.count(600, 100)
    token = await attempt.token(uid)
    await _get(attempt, token)
    await asyncio.sleep(attempt.target.ttl_s + 1)
    attempt.outcome.sent = (
        f"{count} requests with one token, {SAME_PER_S} a second, a look-up of {SAME_S} s due"
    )
    answers = await _flood(attempt, uid, [token] * count, per_s=SAME_PER_S, lookup_s=SAME_S, most=1)
    if refused := sum(answer.status >= UNAVAILABLE for answer in answers):
        attempt.fail(f"{refused} of {count} were answered 503")


async def _flood(
    attempt: Attempt, uid: str, tokens: Sequence[str], *, per_s: int, lookup_s: float, most: int
) -> list[Answer]:
    before = await _lookups(attempt, uid)
    await attempt.google("POST", "/control/delay", {"uid": uid, "seconds": lookup_s})
    await attempt.begin()
    started = time.monotonic()
    newcomers = asyncio.create_task(_newcomers(attempt, uid))
    requests = []
    for number, token in enumerate(tokens):
        await asyncio.sleep(max(0.0, started + number / per_s - time.monotonic()))
        requests.append(asyncio.create_task(_get(attempt, token)))
    answers = await asyncio.gather(*requests)
    seconds = time.monotonic() - started
    newcomers.cancel()
    attempt.saw(*answers)
    lookups = await _lookups(attempt, uid) - before
    attempt.note("look-ups", lookups)
    attempt.note("statuses", attempt.outcome.answers)
    attempt.note("slowest", f"{max(answer.ms for answer in answers):.0f} ms")
    if lookups > most + int(seconds / attempt.target.ttl_s):  # due again meanwhile
        attempt.fail(f"{lookups} look-ups of one user")
    return answers


async def _newcomers(attempt: Attempt, uid: str) -> None:
    """Users whom the server has not seen before, until cancelled."""
    slowest, number = 0.0, 0
    while True:
        await asyncio.sleep(NEWCOMERS_S)
        number += 1
        answer = await _get(attempt, await attempt.token(f"{uid}-newcomer-{number}"))
        attempt.saw(answer)
        if answer.status >= UNAVAILABLE or answer.ms > max(slowest, NEWCOMER_MS):
            attempt.fail(f"a newcomer was answered {answer.said} after {answer.ms:.0f} ms")
        slowest = max(slowest, answer.ms)
        attempt.note("slowest newcomer", f"{slowest:.0f} ms")


async def _get(attempt: Attempt, token: str) -> Answer:
    headers = {"Authorization": f"Bearer {token}"}
    address = attempt.target.functions["get_conversation"]
    return await ask(address, "GET", "/api/conversations/absent", headers=headers, within_s=ANSWER_S)


async def _lookups(attempt: Attempt, uid: str) -> int:
    found: int = (await attempt.google("GET", f"/control/lookups?uid={uid}"))["lookups"]
    return found


ATTACKS = (
    Attack("spellings-200", 2, partial(spelled, count=200)),
    Attack("spellings-600", 2, partial(spelled, count=600)),
    Attack("same-token", 2, same),
)
