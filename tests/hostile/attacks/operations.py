"""The operations over REST: many accounts that ask as fast as they can, and requests that are anything."""

import time
from collections import Counter
from collections.abc import Sequence
from itertools import cycle
from random import Random

from confab.domain.limits import Limits
from confab.domain.rates import WINDOW_S
from tests.fuzz.parsers import PARSERS, PIECES, ROOM, changed, parts
from tests.hostile.attacks.attack import Attack, check_bounds
from tests.hostile.attempt import API, LIMITED, Attempt, in_parallel
from tests.hostile.raw import exchange, http

ACCOUNTS, AT_ONCE = 50, 2
FLOOD_S = 15
SERVED = {200, 201, 429}
OWNERS = 8
"""Users whose conversations anything may happen to; a request in ROOM_FOR finds one with a new one."""
ROOM_FOR = 500
AT_A_TIME = 8
REFUSED = 400
VISITOR = "visitor"
CHAT = {"type": "chat"}
GOOD = 0.85
"""How much of what is random is a token that verifies."""


async def accounts(attempt: Attempt) -> None:
    """Accounts that write, read, list and begin conversations without a pause."""
    count, seconds = attempt.count(ACCOUNTS, 10), attempt.count(FLOOD_S, 1)
    uids = [f"account-{number}" for number in range(count)]
    rooms = await in_parallel(lambda number: attempt.conversation(uids[number], []), count)
    attempt.outcome.sent = f"{count} accounts, {AT_ONCE} requests of each at a time, for {seconds} s"
    stored: Counter[str] = Counter()
    await attempt.begin()
    until = time.monotonic() + seconds

    async def ask(number: int) -> None:
        uid, room = uids[number % count], rooms[number % count]
        wishes = cycle(((f"/{room}/messages", {"content": "x"}), (f"/{room}", None), ("", None), ("", CHAT)))
        while time.monotonic() < until:
            path, body = next(wishes)
            answer = await attempt.rest(LIMITED, path, uid, body)
            attempt.saw(answer)
            if answer.status not in SERVED and answer.said != "503 unavailable":
                attempt.fail(f"{path or 'a list'} was answered {answer.said}")
            stored[uid] += answer.status == 201 and path != ""

    await in_parallel(ask, count * AT_ONCE, count * AT_ONCE)
    most = Limits().messages_per_10s * (1 + -(-seconds // WINDOW_S))
    attempt.note("stored at most", f"{max(stored.values())} of {most}")
    if max(stored.values()) > most:
        attempt.fail(f"{max(stored.values())} messages of one account in {seconds} s")


async def anything(attempt: Attempt) -> None:
    """Requests drawn from the seed: good ones with some bytes changed, of several users and of nobody."""
    count = attempt.count(100_000, 300)
    attempt.outcome.sent = f"{count:,} random requests"
    owners = [f"owner-{number}" for number in range(OWNERS)]
    tokens = [await attempt.token(uid) for uid in (*owners, VISITOR)]
    rooms = [await attempt.conversation(uid, [VISITOR]) for uid in owners]
    await attempt.begin()

    async def send(number: int) -> None:
        if number % ROOM_FOR == ROOM_FOR - 1:
            owner = number // ROOM_FOR % OWNERS
            rooms[owner] = await attempt.conversation(owners[owner], [VISITOR])
        sent = _random_request(attempt.random, tokens, rooms)
        answer = await exchange(attempt.target.functions[LIMITED], sent)
        attempt.saw(answer)
        check_bounds(attempt, "a random request", answer.body if answer.status >= REFUSED else b"")

    await in_parallel(send, count, AT_A_TIME)


def _random_request(random: Random, tokens: Sequence[str], rooms: Sequence[str]) -> bytes:
    sample = random.choice(PARSERS["request"].samples).replace(
        f"/{ROOM}".encode(), f"/{random.choice(rooms)}".encode()
    )
    method, path, query, header, body = parts(_changed(random, sample, (0, 0, 1, 2, 4)))
    token = random.choice(tokens).encode()
    token = token if random.random() < GOOD else _changed(random, token, (1,))
    name, _, value = header.decode("latin-1").partition(":")
    headers = {"Authorization": f"Bearer {token.decode('latin-1')}", "Content-Type": "application/json"}
    target = f"{API}{path.decode('latin-1')}{'?' if query else ''}{query.decode('latin-1')}"
    return http(method, target, headers | ({name: value} if name else {}), body or None)


def _changed(random: Random, data: bytes, times: Sequence[int]) -> bytes:
    pieces = (*PIECES, random.randbytes(4))
    return changed(
        data,
        [
            (random.randrange(400), random.choice((0, 0, 1, 1, 9)), random.choice(pieces))
            for _ in range(random.choice(times))
        ],
    )


ATTACKS = (
    Attack("accounts", accounts, quiet_logs=True, stays_ready=True),
    Attack("random", anything, most_s=3_600.0, quiet_logs=True, stays_ready=True),
)
