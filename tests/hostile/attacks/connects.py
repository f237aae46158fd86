"""CONNECT packets of strangers that are expensive to refuse, over WebSocket."""

import asyncio
from dataclasses import dataclass
from functools import partial

from tests.hostile.attacks.attack import Attack
from tests.hostile.attempt import Attempt
from tests.hostile.raw_socket import RawSocket, frame

ANSWER_S = 75.0
MOST_ERRORS = 20
MOST_ANSWER_BYTES = 16_384
MOST_CONNECTS = 3
REPEATED = 10
ENDS_S = 3.0


def connect_packet(keys: int) -> str:
    """A CONNECT whose `auth` has so many fields that nobody knows."""
    return '40{"token":"x",' + ",".join(f'"{number:x}":1' for number in range(keys)) + "}"


async def bomb(attempt: Attempt, *, keys: int, connections: int, each: int = 1) -> None:
    """Send the packet `each` times on each connection, and read every answer."""
    packet = frame(connect_packet(keys))
    connections = attempt.count(connections, min(connections, 8))
    attempt.outcome.sent = f"{connections} connections, on each {each} CONNECTs of {len(packet):,} B"
    await attempt.begin()

    opening = (RawSocket.open(attempt.instance) for _ in range(connections))
    opened = await asyncio.gather(*opening, return_exceptions=True)
    sockets = [socket for socket in opened if isinstance(socket, RawSocket)]
    tallies = await asyncio.gather(*(_tally(socket, packet, each) for socket in sockets))
    ended = sum(tally.over for tally in tallies)
    attempt.note(
        "answered", f"{sum(tally.answers for tally in tallies)}, {ended} of {len(sockets)} connections ended"
    )
    attempt.note("answer bytes", f"{sum(tally.bytes for tally in tallies):,}")
    if (largest := max((tally.largest for tally in tallies), default=0)) > MOST_ANSWER_BYTES:
        attempt.fail(f"an answer of {largest:,} B")
    if (errors := max((tally.errors for tally in tallies), default=0)) > MOST_ERRORS:
        attempt.fail(f"{errors:,} errors in an answer")


@dataclass(slots=True)
class _Tally:
    """What came back on one connection."""

    answers: int = 0
    bytes: int = 0
    largest: int = 0
    errors: int = 0
    over: bool = False


async def _tally(socket: RawSocket, packet: bytes, each: int) -> _Tally:
    tally = _Tally()
    await socket.say(*[packet] * each)
    while tally.answers < each and not tally.over:
        received, tally.over = await socket.receive_all(1, ANSWER_S)
        if not received:
            break
        tally.answers += 1
        tally.bytes += len(received[0])
        tally.largest = max(tally.largest, len(received[0]))
        tally.errors = max(tally.errors, received[0].count(b'"path"'))
    socket.close()
    return tally


async def repeated(attempt: Attempt) -> None:
    """Ask again and again on one connection: more than three times end it."""
    attempt.outcome.sent = f"{REPEATED} CONNECTs with a bad token on one WebSocket"
    await attempt.begin()
    socket = await RawSocket.open(attempt.instance)
    await socket.say(*[frame('40{"token":"x"}')] * REPEATED)
    answers, over = await socket.receive_all(REPEATED + 1, ENDS_S)
    socket.close()
    attempt.note("answered", len(answers))
    if len(answers) > MOST_CONNECTS:
        attempt.fail(f"{len(answers)} CONNECTs answered on one connection")
    if not over:
        attempt.fail("the connection stays open")


ATTACKS = (
    Attack("connect-bomb", 1, partial(bomb, keys=100_000, connections=1)),
    Attack("connect-bomb-on-one", 1, partial(bomb, keys=100_000, connections=1, each=20)),
    Attack("connect-bomb-20", 1, partial(bomb, keys=100_000, connections=20), most_s=90),
    Attack("connect-bomb-80", 1, partial(bomb, keys=100_000, connections=80), most_s=120),
    Attack("connect-64k", 1, partial(bomb, keys=6_500, connections=50)),
    Attack("connect-16k", 1, partial(bomb, keys=1_700, connections=50)),
    Attack("connect-repeated", 1, repeated),
)
