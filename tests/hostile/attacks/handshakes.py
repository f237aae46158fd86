"""What strangers do with Engine.IO and Socket.IO: costly handshakes, crowds of polls, chunks."""

from contextlib import suppress
from functools import partial

from websockets.exceptions import ConnectionClosed

from tests.hostile.attacks.attack import Attack, check_bounds
from tests.hostile.attempt import Attempt, in_parallel
from tests.hostile.raw import REFUSALS, exchange, http, open_wire, polling_session, replies

ANSWER_S, WAITING_S = 30.0, 3.0
MOST_CONNECTS = 3
STRANGER_BYTES = 16_384
"""The most that is read of a packet before a token is verified."""
SEPARATOR = "\x1e"


def connect_packet(keys: int) -> str:
    """A CONNECT whose `auth` has so many fields that nobody knows."""
    return '40{"token":"x"' + "".join(f',"{number:x}":1' for number in range(keys)) + "}"


async def connects(attempt: Attempt, *, keys: int, connections: int = 1, each: int = 1) -> None:
    """Send the packet `each` times on each connection, which must end it if that is more than three."""
    packet = connect_packet(keys)
    connections = attempt.count(connections, min(connections, 8))
    attempt.outcome.sent = f"{connections} WebSockets, on each {each} CONNECTs of {len(packet):,} B"

    async def one(_: int) -> int:
        try:
            wire = await open_wire(attempt.instance)
        except REFUSALS:
            return 0
        with suppress(ConnectionClosed):
            for _ in range(each):
                await wire.send(packet)
        answers, over = await replies(wire, each, ANSWER_S)
        wire.transport.abort()
        for answer in answers:
            check_bounds(attempt, "a CONNECT", answer.encode())
        if answers and len(packet) > STRANGER_BYTES:
            attempt.fail(f"a CONNECT of {len(packet):,} B was read")
        if len(answers) > MOST_CONNECTS:
            attempt.fail(f"{len(answers)} CONNECTs answered on one connection")
        if len(answers) < each and not over:
            attempt.fail("a connection stays open and answers nothing more")
        return len(answers)

    await attempt.begin()
    attempt.note("answered", sum(await in_parallel(one, connections, connections)))


async def many_connects(attempt: Attempt) -> None:
    """999 CONNECTs in one POST: more than three end the session."""
    body = SEPARATOR.join([connect_packet(100)] * 999).encode()
    attempt.outcome.sent = f"999 CONNECTs with 100 keys in one POST of {len(body):,} B"
    session = await polling_session(attempt.instance)
    await attempt.begin()
    posted = await exchange(attempt.instance, http("POST", session, {}, body))
    polled = await exchange(attempt.instance, http("GET", session))
    again = await exchange(attempt.instance, http("POST", session, {}, b"3"))
    attempt.saw(posted, polled, again)
    refused = polled.body.count(b"44{")
    attempt.note("answered", refused)
    if refused > MOST_CONNECTS:
        attempt.fail(f"{refused} CONNECTs answered in one session")
    if again.status == 200:
        attempt.fail("the session goes on")


async def many_polls(attempt: Attempt) -> None:
    """Polls of one session: the second one ends it."""
    polls = attempt.count(1_000, 100)
    attempt.outcome.sent = f"{polls} polls of one session"
    session = await polling_session(attempt.instance)
    await attempt.begin()
    answers = await in_parallel(
        lambda _: exchange(attempt.instance, http("GET", session), WAITING_S), polls, polls
    )
    attempt.saw(*answers)
    waiting = sum(not answer.closed for answer in answers)
    attempt.note(f"waiting after {WAITING_S:.0f} s", waiting)
    if waiting > 1:
        attempt.fail(f"{waiting} polls of one session wait")


async def chunked(attempt: Attempt) -> None:
    """A body without a length is read like any other."""
    connect = f'40{{"token":"{await attempt.token("chunky")}"}}'.encode()
    attempt.outcome.sent = "a good CONNECT, in chunks"
    session = await polling_session(attempt.instance)
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (connect[:9], connect[9:], b""))
    await attempt.begin()
    request = http("POST", session, {"Transfer-Encoding": "chunked"}, chunks)
    posted = await exchange(attempt.instance, request)
    polled = await exchange(attempt.instance, http("GET", session))
    attempt.saw(posted, polled)
    if b'40{"sid"' not in polled.body:
        attempt.fail(f"a chunked POST was answered {posted.said} and lost")


ATTACKS = (
    Attack("connect-bomb", partial(connects, keys=100_000)),
    Attack("connect-bomb-on-one", partial(connects, keys=100_000, each=20)),
    Attack("connect-bomb-20", partial(connects, keys=100_000, connections=20), most_s=90),
    Attack("connect-bomb-80", partial(connects, keys=100_000, connections=80), most_s=120),
    Attack("connect-64k", partial(connects, keys=6_500, connections=50)),
    Attack("connect-16k", partial(connects, keys=1_700, connections=50)),
    Attack("connect-repeated", partial(connects, keys=0, each=10)),
    Attack("polling-many-connects", many_connects),
    Attack("polling-many-polls", many_polls),
    Attack("polling-chunked", chunked),
)
