"""What the attacked processes cost from one moment on."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace

from tests.hostile.judge import is_back
from tests.hostile.processes import Process
from tests.hostile.record import Memory

POLL_S = 0.5


class Books:
    """Opened before an attack; read afterwards."""

    def __init__(self, processes: Mapping[str, Process]) -> None:
        self._processes = processes
        self._began = time.monotonic()
        self._before = {name: process.usage() for name, process in processes.items()}
        self._logged = {name: process.logged_bytes() for name, process in processes.items()}
        for process in processes.values():
            process.forget_peak()

    def compare_with(self, earlier: Mapping[str, Memory]) -> None:
        """Hold the memory to what it was earlier."""
        self._before = {name: replace(usage, mib=earlier[name].after) for name, usage in self._before.items()}

    def cpu_s(self) -> dict[str, float]:
        """Seconds of processor time, by process; 0 for one that has ended."""
        return {
            name: max(0.0, process.usage().cpu_s - self._before[name].cpu_s)
            for name, process in self._processes.items()
        }

    def died(self) -> list[str]:
        """The processes that have ended, or have lost a child."""
        return [
            name
            for name, process in self._processes.items()
            if not process.running or not self._before[name].pids <= process.usage().pids
        ]

    def errors(self) -> dict[str, list[str]]:
        """Lines of severity ERROR or above, by process."""
        found = {name: each.errors_since(self._logged[name]) for name, each in self._processes.items()}
        return {name: lines for name, lines in found.items() if lines}

    async def memory_is_back(self, within_s: float) -> dict[str, Memory]:
        """The memory of each process, once all are where they were before or the time is over."""
        started = time.monotonic()
        memories = {
            name: Memory(before=self._before[name].mib, peak=process.peak_mib())
            for name, process in self._processes.items()
        }
        while True:
            seconds = time.monotonic() - started
            for name, memory in memories.items():
                memory.after = self._processes[name].usage().mib
                if memory.back_after_s is None and is_back(memory, memory.after):
                    memory.back_after_s = seconds
            if seconds >= within_s or all(each.back_after_s is not None for each in memories.values()):
                return memories
            await asyncio.sleep(POLL_S)
