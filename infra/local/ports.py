"""Refuses to start on taken ports, and names the processes that hold them.

By psutil, or on a fresh clone, where `make dev` checks before it installs anything, by `lsof`, which macOS
and most Linux distributions have. Without either the error names the port and its service alone.
"""

import shutil
import subprocess
from collections.abc import Mapping
from importlib.util import find_spec

from infra.local.addresses import Address, StackError

_HOW_TO_GO_ON = "stop that process, or let the stack take free ports: make dev ARGS=--move"
_COMMAND_CHARACTERS = 200
_LSOF_S = 10.0


def demand_free(wanted: Mapping[str, Address]) -> None:
    """Raise StackError if addresses are taken, naming every such port and its holder."""
    taken = [
        f"port {address.port}, for {name}, is taken by {_holders(address.port)}"
        for name, address in wanted.items()
        if not address.is_free()
    ]
    if taken:
        raise StackError("\n".join((*taken, _HOW_TO_GO_ON)))


def _holders(port: int) -> str:
    if find_spec("psutil"):
        found = _by_psutil(port)
    elif shutil.which("lsof"):
        found = _by_lsof(port)
    else:
        return "another process, which lsof would name"
    return "; ".join(f"process {pid}: {command}" for pid, command in found) or "a process of another user"


def _by_psutil(port: int) -> list[tuple[int, str]]:
    import psutil  # noqa: PLC0415 - not installed on a fresh clone

    return [
        (process.pid, " ".join(" ".join(process.info["cmdline"] or ()).split())[:_COMMAND_CHARACTERS])
        for process in psutil.process_iter(["cmdline", "net_connections"])
        for connection in process.info["net_connections"] or ()
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
    ]


def _by_lsof(port: int) -> list[tuple[int, str]]:
    # Prints a line p… and a line c… per process.
    command = ["lsof", "-nP", f"-iTCP:{port}", "-sTCP:LISTEN", "-Fpc"]
    fields = subprocess.run(command, capture_output=True, text=True, timeout=_LSOF_S, check=False).stdout
    pids = [int(field[1:]) for field in fields.splitlines() if field.startswith("p")]
    commands = [field[1:] for field in fields.splitlines() if field.startswith("c")]
    return list(zip(pids, commands, strict=True))
