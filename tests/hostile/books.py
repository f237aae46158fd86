"""What the attacked processes cost from one moment on."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from tests.hostile.judge import is_back
from tests.hostile.record import Memory
from tests.support.accounting import MIB, cpu_s, forget_peak, peak_kib, resident_kib
from tests.support.processes import Server

POLL_S = 0.5


@dataclass(frozen=True, slots=True)
class Usage:
    """What a server and its children use at one moment."""

    pids: frozenset[int]
    cpu_s: float
    mib: float

    @classmethod
    def of(cls, server: Server) -> "Usage":
        """What it uses now; nothing if it has ended."""
        pids = frozenset(server.pids())
        return cls(pids, cpu_s(pids), sum(map(resident_kib, pids)) / MIB)


class Books:
    """Opened before an attack; read afterwards."""

    def __init__(self, servers: Mapping[str, Server]) -> None:
        self._servers = servers
        self._before = {name: Usage.of(server) for name, server in servers.items()}
        self._logged = {name: server.logged_bytes() for name, server in servers.items()}
        for usage in self._before.values():
            for pid in usage.pids:
                forget_peak(pid)

    def compare_with(self, earlier: Mapping[str, Memory]) -> None:
        """Hold the memory to what it was earlier."""
        self._before = {name: replace(usage, mib=earlier[name].after) for name, usage in self._before.items()}

    def cpu_s(self) -> dict[str, float]:
        """Seconds of processor time, by server; 0 for one that has ended."""
        return {
            name: max(0.0, Usage.of(server).cpu_s - self._before[name].cpu_s)
            for name, server in self._servers.items()
        }

    def died(self) -> list[str]:
        """The servers that have ended, or have lost a child."""
        return [
            name for name, server in self._servers.items() if not self._before[name].pids <= {*server.pids()}
        ]

    def errors(self) -> dict[str, list[str]]:
        """What was logged as an error or worse, by server."""
        found = {name: server.errors(self._logged[name]) for name, server in self._servers.items()}
        return {name: messages for name, messages in found.items() if messages}

    async def memory_is_back(self, within_s: float) -> dict[str, Memory]:
        """The memory of each server, once all are where they were before or the time is over."""
        started = time.monotonic()
        memories = {
            name: Memory(before=self._before[name].mib, peak=sum(map(peak_kib, server.pids())) / MIB)
            for name, server in self._servers.items()
        }
        while True:
            seconds = time.monotonic() - started
            for name, memory in memories.items():
                memory.after = Usage.of(self._servers[name]).mib
                if memory.back_after_s is None and is_back(memory, memory.after):
                    memory.back_after_s = seconds
            if seconds >= within_s or all(each.back_after_s is not None for each in memories.values()):
                return memories
            await asyncio.sleep(POLL_S)
