"""A process under attack: its memory, its processor time, its children and its errors."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.bench.accounting import cpu_s
from tests.faults.storm.server import Server

MIB = 1024
SEVERE = ("ERROR", "CRITICAL", "ALERT", "EMERGENCY")
SHOWN = 300
"""Characters that are kept of an error."""
_RESET_PEAK = "5"
"""What `clear_refs` takes to forget the highest memory so far, see proc(5)."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process and its children use at one moment."""

    pids: frozenset[int]
    cpu_s: float
    mib: float


class Process(Server):
    """A server whose books can be read."""

    def usage(self) -> Usage:
        """What it uses now; nothing if it has ended."""
        pids = frozenset(self._pids())
        return Usage(pids, cpu_s(pids), sum(_mib(pid, "VmRSS") for pid in pids))

    def forget_peak(self) -> None:
        """Let `peak_mib` begin anew."""
        for pid in self._pids():
            Path(f"/proc/{pid}/clear_refs").write_text(_RESET_PEAK)

    def peak_mib(self) -> float:
        """The most memory that it and its children have held, each at its own worst."""
        return sum(_mib(pid, "VmHWM") for pid in self._pids())

    def logged_bytes(self) -> int:
        """How much it has logged so far."""
        return self.log.stat().st_size

    def errors_since(self, offset: int) -> list[str]:
        """Lines of severity ERROR or above that it has logged behind `offset`."""
        with self.log.open("rb") as log:
            log.seek(offset)
            return [line[:SHOWN] for raw in log if _is_error(line := raw.decode(errors="replace"))]

    def _pids(self) -> Iterator[int]:
        if self.running:
            assert self._process is not None
            yield from _tree(self._process.pid)


def _is_error(line: str) -> bool:
    try:
        fields = json.loads(line)
    except ValueError:
        return line.startswith("Traceback")
    return isinstance(fields, dict) and fields.get("severity") in SEVERE


def _tree(pid: int) -> Iterator[int]:
    try:
        children = [path.read_text().split() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    except OSError:  # it has ended
        return
    yield pid
    for child in (int(child) for listed in children for child in listed):
        yield from _tree(child)


def _mib(pid: int, field: str) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / MIB for line in lines if line.startswith(f"{field}:")), 0.0)
