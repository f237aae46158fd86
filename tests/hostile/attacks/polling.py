"""What strangers do over long polling."""

import asyncio
from functools import partial

from tests.hostile.attacks.attack import Attack
from tests.hostile.attacks.connects import MOST_CONNECTS, connect_packet
from tests.hostile.attacks.session import Session
from tests.hostile.attempt import Attempt
from tests.hostile.raw_http import chunked

MIB = 1024 * 1024
SEPARATOR = "\x1e"
POLL_S = 5.0
WAITING_S = 3.0
OK = 200


async def posts(attempt: Attempt, *, body: bytes, times: int, name: str, jsonp: bool = False) -> None:
    """Send a body so many times, each in a session of its own, and read what comes of it."""
    times = attempt.count(times, 3)
    attempt.outcome.sent = f"{times} POSTs, {name} of {len(body):,} B"
    sessions = [await Session.open(attempt.instance) for _ in range(times)]
    await attempt.begin()
    answers = await asyncio.gather(*(session.post(body, jsonp=jsonp) for session in sessions))
    attempt.saw(*answers)
    attempt.note("taken", f"{sum(answer.status == OK for answer in answers)} of {times}")


async def many_connects(attempt: Attempt) -> None:
    """999 CONNECTs in one request: more than three end the session."""
    packets = [connect_packet(100)] * 999
    body = SEPARATOR.join(packets).encode()
    attempt.outcome.sent = f"{len(packets)} CONNECTs with 100 keys in one POST of {len(body):,} B"
    session = await Session.open(attempt.instance)
    await attempt.begin()
    posted = await session.post(body)
    polled = await session.poll(POLL_S)
    attempt.saw(posted, polled)
    refused = polled.body.count(b"44{")
    attempt.note("answer bytes", f"{len(polled.body):,}")
    attempt.note("answered", refused)
    if refused > MOST_CONNECTS:
        attempt.fail(f"{refused} CONNECTs answered in one session")
    if (again := await session.post(b"3")).status == OK:
        attempt.fail("the session goes on")
    attempt.saw(again)


async def many_polls(attempt: Attempt) -> None:
    """Polls of one session: the second one ends it."""
    polls = attempt.count(1_000, 100)
    attempt.outcome.sent = f"{polls} polls of one session"
    session = await Session.open(attempt.instance)
    await attempt.begin()
    answers = await asyncio.gather(*(session.poll(WAITING_S) for _ in range(polls)))
    attempt.saw(*answers)
    waiting = sum(not answer.status for answer in answers)
    attempt.note("waiting after 3 s", waiting)
    if waiting > 1:
        attempt.fail(f"{waiting} polls of one session wait")


async def chunked_post(attempt: Attempt) -> None:
    """A body without a length is read like any other: the CONNECT arrives, and the event."""
    connect = f'40{{"token":"{await attempt.token("chunky")}"}}'.encode()
    attempt.outcome.sent = "a good CONNECT and an event, in chunks"
    session = await Session.open(attempt.instance)
    await attempt.begin()
    for body, wanted in ((connect, b'40{"sid"'), (b'420["leave",{"conversationId":"x"}]', b'430[{"ok":true')):
        posted = await session.post(
            chunked(body[:9], body[9:]),
            headers={"Transfer-Encoding": "chunked", "Content-Type": "text/plain"},
        )
        polled = await session.poll(POLL_S)
        attempt.saw(posted, polled)
        if wanted not in polled.body:
            attempt.fail(f"a chunked POST was answered {posted.said} and lost")
    attempt.note("posted and polled", attempt.outcome.answers)


ATTACKS = (
    Attack(
        "polling-jsonp",
        1,
        partial(posts, body=b"d=4" + b"&a=b" * (MIB // 4 - 8), times=20, name="JSONP", jsonp=True),
    ),
    Attack("polling-many-connects", 1, many_connects),
    Attack(
        "polling-event", 1, partial(posts, body=b'42["x","' + b"a" * 750_000 + b'"]', times=20, name="EVENT")
    ),
    Attack("polling-many-polls", 1, many_polls),
    Attack("polling-chunked", 1, chunked_post),
)
