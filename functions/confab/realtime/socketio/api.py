"""What the server asks of its application, and gives it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from confab.domain.errors import ConfabError
from confab.realtime.socketio.engine import Heartbeat

HEARTBEAT = Heartbeat(interval=25.0, timeout=20.0)

Ack = Callable[[Mapping[str, Any]], None]
"""Acknowledges an event, once; a client that asked for no acknowledgement gets none."""
Accept = Callable[[], None]
"""Answers a handshake: the socket is admitted, and may be sent events."""
Refuse = Callable[[str, Mapping[str, Any]], None]
"""Answers a handshake with a `connect_error` that has this message and data."""


class Sent(NamedTuple):
    """The result of sending an event to many sockets."""

    taken: int
    """How many sockets were sent it."""
    slow: Sequence[str]
    """The slow readers, which were not sent it."""


class Application(Protocol):
    """Handles what the sockets of a server do. Nothing here raises."""

    async def connect(self, sid: str, auth: object, accept: Accept, refuse: Refuse) -> None:
        """Answer a handshake with one of the two; the socket's events wait until this returns."""
        ...

    async def event(self, sid: str, name: object, arguments: Sequence[object], ack: Ack) -> None:
        """Handle an event, and acknowledge it now or later; once this returns, the next one may begin."""
        ...

    def reject(self, sid: str, error: ConfabError, ack: Ack) -> None:
        """Refuse an event that could not be read."""
        ...

    def turned_away(self, code: str) -> None:
        """Count a request that may not become a socket, or belong to one, by the code of its error."""
        ...

    def describe(self, sid: str) -> Mapping[str, object]:
        """What log lines about a socket say of it."""
        ...

    def resync(self, sid: str) -> None:
        """Send a socket as little as possible: the process holds too much that is not sent yet."""
        ...

    def disconnected(self, sid: str) -> None:
        """Forget a socket."""
        ...


@dataclass(frozen=True, slots=True)
class Settings:
    """What a server allows. Numbers of bytes and connections; 0 connections are no limit."""

    allowed_origins: Sequence[str]
    """Of pages; a client that is none sends no origin."""
    max_packet_bytes: int
    """Of a message. A larger event is refused by its id, one four times as large ends the connection."""
    max_unsent_bytes: int
    """Unsent bytes of a socket with which it counts as slow: it gets no event, and its packets wait."""
    max_backlog_bytes: int
    """Unsent bytes of all sockets."""
    sockets_per_address: int = 0
    """Connections of an address that are not admitted yet."""
    waiting_sockets: int = 0
    """Connections that are not admitted yet, in all."""
    trusted_proxies: int = 0
    """How many of the last addresses in `X-Forwarded-For` our own proxies wrote."""
    max_structure: int = 16_384
    """Bytes of a message that may stand outside of JSON strings."""
    heartbeat: Heartbeat = HEARTBEAT
    connect_s: float = 5.0
    """Seconds within which a connection must attempt a handshake, and another one after a refusal."""
    unmetered: frozenset[str] = frozenset({"message"})
    """Events that do not count for a socket's rate once they are acknowledged with `ok`."""

    @property
    def max_payload(self) -> int:
        """Bytes of a WebSocket message, or of a request's body: what has more is not read."""
        return 4 * self.max_packet_bytes
