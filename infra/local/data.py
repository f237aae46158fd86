"""The folder of a stack's data, its logs and the description of its addresses."""

import fcntl
import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from infra.local.addresses import StackError

ROOT = Path(__file__).parents[2]
"""The repository."""


class DataFolder:
    """The folder of one stack; a lock admits one stack at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._lock = self.path / "lock"
        self._description = self.path / "stack.json"

    @property
    def logs(self) -> Path:
        """The folder of the services' output, created on first use."""
        return self.folder("logs")

    def folder(self, name: str) -> Path:
        """A folder in it, created on first use."""
        folder = self.path / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock. Raises StackError naming the process that holds it already."""
        self.path.mkdir(parents=True, exist_ok=True)
        with self._lock.open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                raise StackError(f"a stack is running on {self.path} ({lock.read() or 'starting'})") from None
            lock.truncate(0)
            lock.write(f"process {os.getpid()}: {' '.join(sys.orig_argv)}")
            lock.flush()
            self._description.unlink(missing_ok=True)  # left by a stack that was killed
            yield
            lock.truncate(0)

    def running(self) -> Mapping[str, Any]:
        """The description of the running stack. Raises StackError if no stack runs or is ready."""
        held = self._is_held()
        try:
            description: Mapping[str, Any] = json.loads(self._description.read_text())
        except FileNotFoundError:
            raise StackError("the stack here is not ready" if held else "no stack runs here") from None
        if not held:
            raise StackError("the stack here was killed, and another one may respond at its addresses")
        return description

    def _is_held(self) -> bool:
        """Whether a stack runs on it; the system releases a killed process's lock."""
        try:
            with self._lock.open() as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def empty(self) -> None:
        """Delete its contents; hold the lock first."""
        for entry in self.path.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            elif entry != self._lock:
                entry.unlink()

    @contextmanager
    def described(self, description: Mapping[str, Any]) -> Iterator[None]:
        """Keep the description in `stack.json`."""
        self._description.write_text(json.dumps(description, indent=2) + "\n")
        try:
            yield
        finally:
            self._description.unlink()
