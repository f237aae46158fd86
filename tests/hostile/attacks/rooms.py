"""Rooms that cost memory: fat ones whose sockets do not read, and many with many members."""

import asyncio
import json

from tests.hostile.attacks.attack import Attack
from tests.hostile.attacks.pages import CONTENT, OWNER, RECEIVE_BYTES
from tests.hostile.attempt import Attempt
from tests.hostile.raw_socket import RawSocket, frame

GUESTS = [f"guest-{number}" for number in range(15)]
MEMBERS = [f"member-{number}" for number in range(99)]
JOINS = 3
HELD_S = 12.0
ADMITTED_S = 30.0
CREATING = 8


async def fat_join(attempt: Attempt) -> None:
    """Sockets of 15 accounts that join a fat room again and again and read nothing."""
    sockets, messages = attempt.count(300, 30), attempt.count(50, 12)
    room = await attempt.conversation(OWNER, GUESTS)
    await attempt.fill(room, OWNER, CONTENT, messages)
    tokens = [await attempt.token(uid) for uid in GUESTS]
    join = [f"42{number}" + json.dumps(["join", {"conversationId": room}]) for number in range(JOINS)]
    attempt.outcome.sent = (
        f"{sockets} sockets join a room of {messages} fat messages {JOINS} times and do not read"
    )
    await attempt.begin()
    opened = await asyncio.gather(
        *(_says(attempt, tokens[number % len(tokens)], join) for number in range(sockets))
    )
    attempt.note("admitted", sum(socket is not None for socket in opened))
    await asyncio.sleep(HELD_S)
    for socket in opened:
        if socket is not None:
            socket.close()


async def many_rooms(attempt: Attempt) -> None:
    """20 sockets of one account in 100 rooms each, every room with 100 members."""
    sockets, rooms = attempt.count(20, 3), attempt.count(100, 10)
    attempt.outcome.sent = f"{sockets} sockets in {rooms} rooms each, with 100 members"
    left = iter(range(sockets * rooms))

    async def create() -> list[str]:
        return [await attempt.conversation("roomy", MEMBERS) for _ in left]

    created = await asyncio.gather(*(create() for _ in range(CREATING)))
    made = [room for each in created for room in each]
    token = await attempt.token("roomy")
    await attempt.begin()
    opened, joined = [], 0
    for first in range(0, sockets * rooms, rooms):
        mine = made[first : first + rooms]
        join = [
            f"42{number}" + json.dumps(["join", {"conversationId": room}]) for number, room in enumerate(mine)
        ]
        socket = await _says(attempt, token, join)
        if socket is not None:
            opened.append(socket)
            acks, _ = await socket.receive_all(rooms, ADMITTED_S)
            joined += sum(b'"ok":true' in ack for ack in acks)
    attempt.note("joined", joined)
    for socket in opened:
        socket.close()


async def _says(attempt: Attempt, token: str, packets: list[str]) -> RawSocket | None:
    """A connected socket that then sent these packets; None if it was refused."""
    try:
        socket = await RawSocket.open(attempt.instance, receive_bytes=RECEIVE_BYTES)
    except OSError:
        return None
    await socket.say(frame(f'40{{"token":"{token}"}}'))
    admitted, _ = await socket.receive_all(1, ADMITTED_S)
    if not admitted or not admitted[0].startswith(b"40"):
        socket.close()
        return None
    await socket.say(*map(frame, packets))
    return socket


ATTACKS = (
    Attack("fat-join", 3, fat_join, most_s=90),
    Attack("many-rooms", 3, many_rooms, most_s=120),
)
