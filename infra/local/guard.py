"""Runs a program, and ends its process group when the parent dies: `guard.py SECONDS PROGRAM ARGUMENT…`.

Sends SIGTERM to the group, and SIGKILL after SECONDS. Start it in a new session, with a pipe as standard
input that the parent keeps open and never writes to: however the parent dies, Linux and macOS close the
pipe. It is a program of its own because a process with threads must not run code between fork and exec.
"""

import math
import os
import signal
import sys
import time
from contextlib import suppress

_POLL_S = 0.05


def main(seconds: str, *command: str) -> None:
    """Fork a watcher, then exec the program, which keeps this process's id."""
    group = os.getpgrp()
    if (child := os.fork()) == 0:
        if os.fork() == 0:  # so the watcher is no child of the program
            _watch(group, float(seconds))
        os._exit(0)
    os.waitpid(child, 0)
    os.dup2(os.open(os.devnull, os.O_RDONLY), sys.stdin.fileno())
    os.execvp(command[0], command)  # noqa: S606 - the program is this stack's own


def _watch(group: int, seconds: float) -> None:
    os.setsid()  # the watcher must survive signals to the group
    os.read(sys.stdin.fileno(), 1)
    with suppress(OSError):  # the group has ended
        os.killpg(group, signal.SIGTERM)
        for _ in range(math.ceil(seconds / _POLL_S)):
            time.sleep(_POLL_S)
            os.killpg(group, 0)
        os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main(*sys.argv[1:])
