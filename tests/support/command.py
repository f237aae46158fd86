"""What the storm and the attacks share as commands: a clock, a folder for logs and data, an exit code."""

import asyncio
import shutil
import tempfile
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

INTERRUPTED = 130

Say = Callable[[str], None]


def show(*lines: str) -> None:
    """Print lines of an answer."""
    print(*lines, sep="\n", flush=True)  # noqa: T201 - the command's answer


def carry_out(
    name: str, first: str, work: Callable[[Path, Say], Coroutine[Any, Any, tuple[bool, bool]]]
) -> int:
    """Do the work, which returns whether it succeeded and whether to keep its folder.

    Gives 0 for success, 1 for failure, 130 if it was interrupted.
    """
    started = time.monotonic()

    def say(text: str) -> None:
        show(f"[{time.monotonic() - started:6.1f}] {text}")

    say(first)
    folder = Path(tempfile.mkdtemp(prefix=f"confab-{name}-"))
    try:
        succeeded, kept = asyncio.run(work(folder, say))
    except KeyboardInterrupt:
        shutil.rmtree(folder)
        return INTERRUPTED
    if kept:
        show(f"What the processes logged, and their data, is in {folder}.")
    else:
        shutil.rmtree(folder)
    return 0 if succeeded else 1
