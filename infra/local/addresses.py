"""Where a server listens, and whether one does."""

import asyncio
import ipaddress
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from urllib.parse import urlsplit

LOOPBACK = "127.0.0.1"
_USUAL_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}
_ANSWER_S = 2.0


class StackError(Exception):
    """The stack cannot start as it was asked to; the message is for the developer."""


@dataclass(frozen=True, slots=True)
class Address:
    """A host and a TCP port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    async def answers(self) -> bool:
        """Whether something accepts a connection there within 2 seconds."""
        try:
            async with asyncio.timeout(_ANSWER_S):
                _, writer = await asyncio.open_connection(self.host, self.port)
        except (OSError, TimeoutError):
            return False
        writer.close()
        return True

    def is_free(self) -> bool:
        """Whether a server could listen there now."""
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.host, self.port))
            except OSError:
                return False
        return True


def parse(variable: str, value: str) -> Address:
    """The address in a variable's `host:port` or URL. Raises StackError naming the variable."""
    parts = urlsplit(value if "://" in value else f"//{value}")
    try:
        port = parts.port or _USUAL_PORTS.get(parts.scheme)
    except ValueError:
        port = None
    if not parts.hostname or not port:
        raise StackError(f"{variable} is {value!r}, which has no host and port")
    return Address(parts.hostname, port)


def free_ports() -> Iterator[Address]:
    """Loopback addresses that are free now, without a repeat while the iterator is open."""
    with ExitStack() as held:
        for _ in count():
            probe = held.enter_context(socket.socket())
            probe.bind((LOOPBACK, 0))
            yield Address(LOOPBACK, probe.getsockname()[1])
