"""Sockets that stop reading in a busy room cost a bounded amount of memory, and nobody else anything."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from confab.domain.models import current_time
from tests.support.accounting import resident_kib
from tests.support.clients import DeafSocket
from tests.support.processes import Server
from tests.support.samples import conversation
from tests.support.system import System
from tests.support.users import user
from tests.support.wire import WireSocket

DEAF = 100
HEALTHY = 2
CONTENT = "x" * 30_000
BOUND_BYTES = 262_144
WRITING_BYTES = 131_072
"""What a connection may hold beyond the bound: what has left the queue and not reached the kernel."""
AT_A_TIME = 6
DEADLINE_S = 20.0
GROWTH_BYTES = 8 * 1024 * 1024
"""By how much the process may grow while the room sends as much again."""


@asynccontextmanager
async def deaf_sockets(instance: Server, room: str) -> AsyncIterator[list[DeafSocket]]:
    """In the room, and reading no more."""
    auth = json.dumps({"token": user("alice").token, "conversationId": room})
    async with AsyncExitStack() as ends:
        sockets = []
        for _ in range(DEAF):
            socket = await ends.enter_async_context(DeafSocket.connected(instance.url))
            await socket.say(f"40{auth}")
            await socket.read_until("joined")
            sockets.append(socket)
        yield sockets


def enough_to_fill() -> int:
    """The entries after which nothing more fits: not in the kernel's buffer, and not in front of it."""
    kernel_bytes = int(Path("/proc/sys/net/ipv4/tcp_wmem").read_text().split()[-1])
    return int(1.2 * (kernel_bytes + BOUND_BYTES) / len(CONTENT))


async def send(sender: WireSocket, room: str, entries: int) -> None:
    """Send so many messages, some at a time."""
    left = iter(range(entries))

    async def one_after_the_other() -> None:
        for _ in left:
            assert (await sender.call("message", {"conversationId": room, "content": CONTENT}))["ok"]

    await asyncio.gather(*(one_after_the_other() for _ in range(AT_A_TIME)))


async def everybody_has(sockets: list[WireSocket], entries: int) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while any(len(socket.of("message")) < entries for socket in sockets):
            await asyncio.sleep(0.05)


async def test_memory_stays_flat_under_a_hundred_sockets_that_do_not_read(tmp_path):
    async with System.running(tmp_path) as site, AsyncExitStack() as ends:
        room = (await site.store.create(conversation("busy"), None, now=current_time())).conversation.id
        instance = await site.instance(
            "realtime",
            CONFAB_SLOW_READER_BYTES=str(BOUND_BYTES),
            CONFAB_MAX_PAGE_BYTES=str(BOUND_BYTES // 4),
        )
        await instance.serves()
        token = user("alice").token
        healthy = [await WireSocket.connected(instance.url, {"token": token}) for _ in range(HEALTHY)]
        for socket in healthy:
            ends.push_async_callback(socket.close)
            assert (await socket.call("join", {"conversationId": room, "after": 0}))["ok"]
        deaf = await ends.enter_async_context(deaf_sockets(instance, room))
        before = resident_kib(instance.pid) * 1024

        entries = enough_to_fill()
        await send(healthy[0], room, entries)
        await everybody_has(healthy, entries)
        full = resident_kib(instance.pid) * 1024
        await send(healthy[0], room, entries)
        await everybody_has(healthy, 2 * entries)
        later = resident_kib(instance.pid) * 1024

        assert full - before < DEAF * (BOUND_BYTES + WRITING_BYTES)
        assert later - full < GROWTH_BYTES
        for socket in healthy:
            assert [message["seq"] for message in socket.of("message")] == list(range(1, 2 * entries + 1))
        for each in deaf:
            received = await each.read_until("resync")
            seqs = [message["seq"] for message in received["message"]]
            assert seqs == list(range(1, len(seqs) + 1))
            assert [each["after"] for each in received["resync"]] == [len(seqs)]
