"""Which process holds a port, as Linux tells it in /proc."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.local.addresses import Address, StackError

HOW_TO_GO_ON = "stop what has it, or let the stack take free ports: make dev ARGS=--move"
_LISTEN = "0A"
_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Listener:
    """A process that listens on a port."""

    pid: int
    command: str

    def __str__(self) -> str:
        return f"process {self.pid}: {self.command}"


def demand_free(wanted: Mapping[str, Address]) -> None:
    """Raise StackError where a wanted address is taken, naming every such port and who holds it."""
    taken = [
        f"port {address.port}, for {name}, is taken by {_holders(address.port)}"
        for name, address in wanted.items()
        if not address.is_free()
    ]
    if taken:
        raise StackError("\n".join((*taken, HOW_TO_GO_ON)))


def _holders(port: int) -> str:
    return "; ".join(str(holder) for holder in listeners(port)) or "a process of another user"


def listeners(port: int) -> list[Listener]:
    """The processes listening on a TCP port, those of other users left out unless run by root."""
    sockets = {f"socket:[{inode}]" for inode in _inodes(port)}
    if not sockets:
        return []
    return [Listener(pid, command(pid)) for pid in _pids() if not sockets.isdisjoint(_links(pid))]


def command(pid: int) -> str:
    """A process's command line, at most 200 characters; empty if it has ended."""
    try:
        words = (_PROC / str(pid) / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return ""
    return " ".join(word.decode(errors="replace") for word in words if word)[:200]


def _inodes(port: int) -> Iterator[str]:
    for table in ("tcp", "tcp6"):
        path = _PROC / "net" / table
        for line in path.read_text().splitlines()[1:] if path.exists() else ():
            _, local, _, state, *rest = line.split()
            if state == _LISTEN and int(local.rpartition(":")[2], 16) == port:
                yield rest[5]


def _pids() -> Iterator[int]:
    return (int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit())


def _links(pid: int) -> Iterator[str]:
    """What the process's file descriptors point at; nothing if it ended or belongs to another user."""
    try:
        descriptors = list((_PROC / str(pid) / "fd").iterdir())
    except OSError:
        return
    for descriptor in descriptors:
        try:
            yield str(descriptor.readlink())
        except OSError:  # closed meanwhile
            continue
