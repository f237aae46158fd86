"""Becomes another program that Linux ends when its parent dies: `launch.py PARENT_PID PROGRAM ARGUMENT…`.

A program of its own, because nothing may run between fork and exec in a process that has threads.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Ask to be told of the parent's death, then become the program."""
    parent, *command = sys.argv[1:]
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "cannot ask to be told of the parent's death")
    if os.getppid() != int(parent):
        sys.exit("the parent has died already")
    os.execvp(command[0], command)  # noqa: S606 - the program is this stack's own


if __name__ == "__main__":
    main()
