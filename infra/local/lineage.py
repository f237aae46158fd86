"""This process's descendants, none of which may outlive it."""

import asyncio
import ctypes
import os
import signal
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
_SWEEP_S = 5.0


@dataclass(frozen=True, slots=True)
class Relative:
    """A living process that descends from this one."""

    pid: int
    session: int


def adopt_orphans() -> None:
    """Make this process the parent of every descendant whose own parent ends, instead of init."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "cannot become a child subreaper")


def descendants() -> list[Relative]:
    """Every living descendant of this process, zombies left out."""
    children: dict[int, list[tuple[Relative, bool]]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, _, rest = stat.read_text(errors="replace").partition(" ")
        except OSError:  # it ended meanwhile
            continue
        state, parent, _, session, *_ = rest.rpartition(")")[2].split()
        children.setdefault(int(parent), []).append((Relative(int(pid), int(session)), state not in "ZX"))
    found, parents = [], [os.getpid()]
    while parents:
        for relative, alive in children.get(parents.pop(), ()):
            parents.append(relative.pid)
            if alive:
                found.append(relative)
    return found


def kill(relatives: Iterable[Relative]) -> None:
    """End these processes at once."""
    for relative in relatives:
        try:
            os.kill(relative.pid, signal.SIGKILL)
        except ProcessLookupError:  # it ended meanwhile
            continue


async def sweep() -> None:
    """Kill and reap every descendant. Nothing else may be waiting for one of them.

    Raises TimeoutError if one is still there after 5 seconds.
    """
    async with asyncio.timeout(_SWEEP_S):
        while left := descendants():
            kill(left)
            await asyncio.sleep(0.02)
    while _reap():
        pass


def _reap() -> bool:
    try:
        return os.waitpid(-1, os.WNOHANG)[0] != 0
    except ChildProcessError:
        return False
