"""What processes cost, as the operating system counts it."""

import time
from collections.abc import Iterable, Iterator
from pathlib import Path

MIB = 1024
_FORGET_PEAK = "5"
"""What `clear_refs` takes to forget the highest memory so far, see proc(5)."""


def cpu_s(pids: Iterable[int]) -> float:
    """CPU seconds that these processes have used since they began, in user and kernel mode."""
    return sum(_cpu_s(pid) for pid in pids)


def tree(pid: int) -> Iterator[int]:
    """The process and everything it has started; nothing if it has ended."""
    try:
        children = [path.read_text().split() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    except OSError:
        return
    yield pid
    for child in (int(child) for listed in children for child in listed):
        yield from tree(child)


def resident_kib(pid: int) -> int:
    """KiB of memory that a process holds; 0 if it has ended."""
    return _status_kib(pid, "VmRSS")


def peak_kib(pid: int) -> int:
    """The most that it has held since it began, or since `forget_peak`."""
    return _status_kib(pid, "VmHWM")


def forget_peak(pid: int) -> None:
    """Reset the peak."""
    Path(f"/proc/{pid}/clear_refs").write_text(_FORGET_PEAK)


def _status_kib(pid: int, field: str) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{field}:")), 0)


def _cpu_s(pid: int) -> float:
    # The process's own clock, to the nanosecond, as clock_getcpuclockid(3) names it; /proc counts in
    # hundredths of a second, which is as much as fifty requests take.
    return time.clock_gettime(~pid << 3 | 2)
