"""One run: two containers, strangers, an innocent pair beside them, and the judgement."""

import asyncio
import itertools
import time
from asyncio import create_task
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import httpx

from confab.domain.models import current_time
from infra.allocator import MALLOC
from tests.fuzz.stranger import Stranger, Strangers
from tests.fuzz.watched import HELD
from tests.hostile.books import Books, resident_mib
from tests.support.command import Say
from tests.support.processes import Server
from tests.support.samples import conversation
from tests.support.system import UNSIGNED, System
from tests.support.users import user
from tests.support.wire import WireSocket

CONTAINERS: Mapping[str, dict[str, str]] = {
    "realtime-bounded": {"CONFAB_TRUSTED_PROXIES": "1"},
    "realtime-unbounded": {"CONFAB_SOCKETS_PER_ADDRESS": "0", "CONFAB_WAITING_SOCKETS": "0"},
}
"""With and without the bounds for those that are not admitted."""
AT_A_TIME = 24
SEND_S, ANSWER_S = 0.05, 20.0
PROGRESS_S = 10.0
WARM_S = 2.0
"""Seconds of strangers after which a container has made what it makes once."""
BACK_S = 30.0
"""Seconds within which everything must be back where it was."""
SPARE = 4
"""Tasks and files that there may be more than before, of the clients of the store and the bus."""


class Pair:
    """Two users who talk, each on a container of its own."""

    def __init__(self, sockets: list[WireSocket], room: str) -> None:
        self._sockets = sockets
        self._room = room
        self.sent: list[str] = []

    @classmethod
    async def joined(cls, servers: list[Server], room: str) -> "Pair":
        sockets = []
        for server, uid in zip(servers, ("alice", "bob"), strict=True):
            sockets.append(await WireSocket.connected(server.url, {"token": user(uid).token}))
            assert (await sockets[-1].call("join", {"conversationId": room, "after": 0}))["ok"]
        return cls(sockets, room)

    async def talk(self) -> None:
        """Send until cancelled. Fails if a message is refused, or not acknowledged."""
        for number in itertools.count():
            payload = {"conversationId": self._room, "content": f"message {number}"}
            async with asyncio.timeout(ANSWER_S):
                ack = await self._sockets[number % 2].call("message", payload)
            assert ack["ok"], ack
            self.sent.append(payload["content"])
            await asyncio.sleep(SEND_S)

    async def missed(self) -> list[str]:
        """Who did not get each acknowledged message once and in order."""
        failures = []
        for uid, socket in zip(("alice", "bob"), self._sockets, strict=True):
            with suppress(AssertionError):
                await socket.until(lambda it: len(it.of("message")) >= len(self.sent), within=ANSWER_S)
            got = [message["content"] for message in socket.of("message")]
            unacknowledged = len(got) - len(self.sent)  # the end may have cut off the last acknowledgement
            if got[: len(self.sent)] != self.sent or unacknowledged > 1 or socket.reading.done():
                failures.append(f"{uid} got {len(got)} of {len(self.sent)} messages, or not in order")
        return failures


async def held(server: Server) -> Mapping[str, int]:
    """What a container holds now."""
    async with httpx.AsyncClient(trust_env=False, timeout=ANSWER_S) as client:
        counts: Mapping[str, int] = (await client.get(server.url + HELD)).json()
        return counts


async def kept(server: Server, before: Mapping[str, int]) -> list[str]:
    """What a container holds more of than before, once it is back or after BACK_S."""
    until = time.monotonic() + BACK_S
    while True:
        now = await held(server)
        spare = {"tasks": SPARE, "files": SPARE}
        more = [name for name in now if now[name] > before[name] + spare.get(name, 0)]
        if not more or time.monotonic() > until:
            return [f"{server.name} holds {now[name]} {name}, {before[name]} before" for name in more]
        await asyncio.sleep(0.5)


async def crowd(strangers: Strangers, seconds: float) -> None:
    """Let strangers come and go for so long, AT_A_TIME of them, or until one has done harm."""
    until = time.monotonic() + seconds

    async def one_after_the_other() -> None:
        while time.monotonic() < until and not strangers.failures:
            await Stranger(strangers, next(strangers.numbers)).live()

    async with asyncio.TaskGroup() as tasks:
        for _ in range(AT_A_TIME):
            tasks.create_task(one_after_the_other())


async def fuzz(seed: int, seconds: float, folder: Path, say: Say) -> list[str]:
    """Let strangers in for so long; what must not have happened."""
    async with System.running(folder, {**MALLOC, **UNSIGNED}, in_memory=True) as system:
        system.launcher = ("tests.fuzz.watched",)
        room = (await system.store.create(conversation("fuzzed"), None, now=current_time())).conversation.id
        servers = [await system.instance(name, None, **env) for name, env in CONTAINERS.items()]
        await system.serves()
        pair = await Pair.joined(servers, room)
        before = [await held(server) for server in servers]
        strangers = Strangers(seed, [server.address for server in servers], room)
        await crowd(strangers, WARM_S)
        books = Books({server.name: server for server in servers})
        talking, living = create_task(pair.talk()), create_task(crowd(strangers, seconds))
        talking.add_done_callback(lambda _: strangers.failures.append("the pair talks no more"))
        while not living.done():
            await asyncio.wait({living}, timeout=PROGRESS_S)
            mib = " and ".join(f"{resident_mib(server):.0f}" for server in servers)
            say(f"{strangers}; the pair: {len(pair.sent)} messages; {mib} MiB")
        failures = [*strangers.failures, *(f"{name} died" for name in books.died())]
        failures += [repr(talking.exception())] if talking.done() else []
        talking.cancel()
        await asyncio.wait({talking})
        failures += await pair.missed()
        for server, counts in zip(servers, before, strict=True):
            failures += await kept(server, counts)
        memory = await books.memory(BACK_S, {})
        failures += [f"{name} grew: {each}" for name, each in memory.items() if not each.back]
        failures += [f"{server.name} logged {error}" for server in servers for error in server.errors()]
        say("; ".join(f"{name} {each.before:.0f} → {each.after:.0f} MiB" for name, each in memory.items()))
        return failures
