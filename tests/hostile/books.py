"""What the attacked processes cost from one moment on."""

import asyncio
import itertools
import time
from collections.abc import Mapping

from tests.hostile.record import Memory
from tests.support.accounting import MIB, forget_peak, peak_kib, resident_kib
from tests.support.processes import Server

POLL_S = 0.5


class Books:
    """Opened before an attack; read afterwards."""

    def __init__(self, servers: Mapping[str, Server]) -> None:
        self._servers = servers
        self._pids = {name: server.pids() for name, server in servers.items()}
        self._mib = {name: resident_mib(server) for name, server in servers.items()}
        self._logged = {name: server.logged_bytes() for name, server in servers.items()}
        for pid in itertools.chain(*self._pids.values()):
            forget_peak(pid)

    def died(self) -> list[str]:
        """The servers that have ended, or have lost a child."""
        return [name for name, pids in self._pids.items() if not {*pids} <= {*self._servers[name].pids()}]

    def errors(self) -> dict[str, int]:
        """How much was logged as an error or worse, by server."""
        found = {name: len(server.errors(self._logged[name])) for name, server in self._servers.items()}
        return {name: errors for name, errors in found.items() if errors}

    async def memory(self, within_s: float, before: Mapping[str, Memory]) -> dict[str, Memory]:
        """The memory of each server, once all is what it was at the opening or in `before`, or in the end."""
        until = time.monotonic() + within_s
        memories = {
            name: Memory(
                before=before[name].after if name in before else self._mib[name],
                peak=sum(map(peak_kib, server.pids())) / MIB,
            )
            for name, server in self._servers.items()
        }
        while True:
            for name, memory in memories.items():
                memory.after = resident_mib(self._servers[name])
            if time.monotonic() >= until or all(memory.back for memory in memories.values()):
                return memories
            await asyncio.sleep(POLL_S)


def resident_mib(server: Server) -> float:
    """What a server and its children hold now; nothing if it has ended."""
    return sum(map(resident_kib, server.pids())) / MIB
