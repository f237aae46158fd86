"""Addresses of servers, and free ports. Standard library only, for `--check`."""

import ipaddress
import socket
from contextlib import ExitStack
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, build_opener

LOOPBACK = "127.0.0.1"
_USUAL_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}
_CONNECT_S = 2.0
_GET_S = 5.0


class StackError(Exception):
    """The stack cannot start as requested; the message is for the developer."""


@dataclass(frozen=True, slots=True)
class Address:
    """A host and a TCP port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """Whether it is on the loopback interface."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def answers(self) -> bool:
        """Whether a server accepts a connection within 2 seconds."""
        try:
            socket.create_connection((self.host, self.port), _CONNECT_S).close()
        except OSError:
            return False
        return True

    def is_free(self) -> bool:
        """Whether a server can listen there now."""
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


def free_addresses(count: int) -> list[Address]:
    """Distinct loopback addresses that are free now."""
    with ExitStack() as held:
        probes = [held.enter_context(socket.create_server((LOOPBACK, 0))) for _ in range(count)]
        return [Address(LOOPBACK, probe.getsockname()[1]) for probe in probes]


def answers_ok(url: str) -> bool:
    """Whether a GET of this URL, without a proxy, responds 200 within 5 seconds."""
    try:
        with build_opener(ProxyHandler({})).open(url, timeout=_GET_S) as response:
            return bool(response.status == HTTPStatus.OK)
    except (OSError, ValueError, HTTPException):
        return False
