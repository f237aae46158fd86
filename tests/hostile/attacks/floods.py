"""Sockets that send at full speed what costs them nothing, and crowds of handshakes with bad tokens."""

import asyncio
import time
from contextlib import suppress
from functools import partial

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State

from tests.hostile.attacks.attack import Attack
from tests.hostile.attempt import Attempt, in_parallel
from tests.hostile.raw import REFUSALS, open_wire, replies

SOCKETS = 5
ENDED_S, PATIENT_S = 10, 40
"""Seconds within which a socket that floods must have been ended, and the same on a machine of many tests."""
BLOCK_BYTES = 262_144
SMALL = 125
CROWD, CROWD_S, ANSWER_S, HANDSHAKES = 20, 8.0, 5.0, 3
FIN, TEXT, PING, PONG = 0x80, 0x1, 0x9, 0xA
"""RFC 6455, section 5.2."""


def frame(payload: str = "", first: int = FIN | TEXT) -> bytes:
    """A client's frame, with a mask that changes nothing."""
    size = len(payload)
    length = bytes((FIN | size,)) if size <= SMALL else b"\xff" + size.to_bytes(8)
    return bytes((first,)) + length + bytes(4) + payload.encode()


FLOODS = {
    "pings": frame(first=FIN | PING),
    "pongs": frame(first=FIN | PONG),
    "fragments": frame(first=0),
    "heartbeats": frame("3"),
    "unknown events": frame('421["nothing",{}]'),
    "leaves": frame('421["leave",{"conversationId":"absent"}]'),
    "refused messages": frame('421["message",{"content":"\\ud800"}]'),
    "structured messages": frame('421["message",[' + "[]," * 80_000 + "1]]"),
}


KINDS = (*FLOODS, "typing")


async def flood(attempt: Attempt, *, kinds: tuple[str, ...]) -> None:
    """Some sockets of each kind, which must be ended."""
    each, within_s = attempt.count(SOCKETS, 1), attempt.count(ENDED_S, PATIENT_S)
    attempt.outcome.sent = f"{each} sockets each that send at full speed: {', '.join(kinds)}"
    uids = {kind: f"flooder-{number}" for number, kind in enumerate(kinds)}
    room = await attempt.conversation("flooder", [*uids.values()])
    wires = [(kind, await _joined(attempt, uids[kind], room)) for kind in kinds for _ in range(each)]
    await attempt.begin()

    async def one(kind: str, wire: ClientConnection) -> None:
        if kind == "fragments":
            wire.transport.write(frame(first=TEXT))
        typing = frame(f'421["typing",{{"conversationId":"{room}","typing":true}}]')
        took = await _ended(wire, FLOODS.get(kind, typing), within_s)
        attempt.note(kind, f"ended after {took:.1f} s")
        if took > within_s:
            attempt.fail(f"{kind}: a socket still goes on after {within_s} s")

    await asyncio.gather(*(one(kind, wire) for kind, wire in wires))


async def _joined(attempt: Attempt, uid: str, room: str) -> ClientConnection:
    wire = await open_wire(attempt.instance)
    await wire.send(f'40{{"token":"{await attempt.token(uid)}","conversationId":"{room}"}}')
    answers, _ = await replies(wire, 2, ANSWER_S)
    assert answers[0].startswith("40"), answers
    return wire


async def _ended(wire: ClientConnection, sent: bytes, within_s: float) -> float:
    """Send this again and again; how long it takes until the server has had enough."""
    started, transport = time.monotonic(), wire.transport
    block = sent * max(1, BLOCK_BYTES // len(sent))
    reading = asyncio.create_task(_read(wire))
    while wire.state is State.OPEN and time.monotonic() - started <= within_s:
        if transport.get_write_buffer_size() < BLOCK_BYTES:
            transport.write(block)
        await asyncio.sleep(0)
    took = time.monotonic() - started
    transport.abort()
    await reading
    return took


async def _read(wire: ClientConnection) -> None:
    """Read what comes until the connection is over."""
    with suppress(ConnectionClosed):
        while True:
            await wire.recv()


async def crowd(attempt: Attempt) -> None:
    """Connections that try three forged tokens each, one after the other, from many sides."""
    crowd_s = attempt.count(int(CROWD_S), 1)
    attempt.outcome.sent = f"{CROWD} strangers at a time with forged tokens for {crowd_s} s"
    good = await attempt.token("forged")
    head, _, signature = good.rpartition(".")
    forged = f'40{{"token":"{head}.{signature[0]}{signature[-2:0:-1]}{signature[-1]}"}}'
    await attempt.begin()
    until = time.monotonic() + crowd_s

    async def one(_: int) -> int:
        refused = 0
        while time.monotonic() < until:
            with suppress(*REFUSALS):
                wire = await open_wire(attempt.instance)
                for _ in range(HANDSHAKES):
                    await wire.send(forged)
                answers, _ = await replies(wire, HANDSHAKES, ANSWER_S)
                wire.transport.abort()
                refused += len(answers)
                if any(answer.startswith("40") for answer in answers):
                    attempt.fail("a forged token was taken")
        return refused

    refused = sum(await in_parallel(one, CROWD, CROWD))
    attempt.note("refused a second", f"{refused / crowd_s:.0f}")


ATTACKS = (
    *(
        Attack(f"flood-{kind.partition(' ')[0]}", partial(flood, kinds=(kind,)), unnoticed=True)
        for kind in KINDS
    ),
    Attack("floods", partial(flood, kinds=KINDS)),
    Attack("crowd", crowd, unnoticed=True),
)
