"""Socket.IO v5 in one Engine.IO session: its default namespace, as a state machine.

Other namespaces and binary events are recognized and refused, not built. The source of every rule:
https://socket.io/docs/v4/socket-io-protocol/.
"""

import math
from collections.abc import Sequence
from enum import Enum, auto
from typing import NamedTuple

from confab.domain.errors import ConfabError, InvalidRequest, PayloadTooLarge
from confab.realtime.socketio import packets
from confab.realtime.socketio.packets import EVENTS, MAIN, Kind, Malformed, Packet

STRANGER_BYTES = 16_384
"""Bytes of a message of a client that is not admitted: a token has half."""
STRANGER_STRUCTURE = 1_024
"""Those of them that may stand outside of JSON strings."""
MAX_CONNECTS = 3
"""Handshakes that a connection may attempt: a refused one may try another token."""


class State(Enum):
    """Whether the client is in the namespace."""

    WAITING = auto()
    CONNECTING = auto()
    CONNECTED = auto()


class Handshake(NamedTuple):
    """A CONNECT, to be accepted or refused."""

    auth: object


class Event(NamedTuple):
    """An event, to be acknowledged if it has an id."""

    id: int | None
    name: object
    arguments: Sequence[object]


class Unreadable(NamedTuple):
    """An event that cannot be handled, and why."""

    id: int | None
    error: ConfabError


class Left(NamedTuple):
    """The client left the namespace; it may come back."""


class Reply(NamedTuple):
    """What to send at once."""

    packet: str


Received = Handshake | Event | Unreadable | Left | Reply


class Connection:
    """What a client says in the messages of its session."""

    __slots__ = (
        "_attachments",
        "_connect_s",
        "_connects",
        "_max_bytes",
        "_max_structure",
        "deadline",
        "state",
    )

    def __init__(self, max_bytes: int, max_structure: int, connect_s: float, now: float) -> None:
        """It is in the namespace within `connect_s` seconds.

        Its messages have `max_bytes` at most, `max_structure` of them outside of JSON strings.
        """
        self.state = State.WAITING
        self.deadline = now + connect_s
        """When a client that is not in the namespace by then is to be closed; infinite for one that is."""
        self._max_bytes = max_bytes
        self._max_structure = max_structure
        self._connect_s = connect_s
        self._connects = 0
        self._attachments = 0  # announced, and to come

    @property
    def admitted(self) -> bool:
        """Whether the client is in the namespace."""
        return self.state is State.CONNECTED

    @property
    def most_bytes(self) -> int:
        """The bytes that a message may have now."""
        return self._max_bytes if self.admitted else STRANGER_BYTES

    def accept(self) -> None:
        """The handshake is good."""
        self.state, self.deadline = State.CONNECTED, math.inf

    def refuse(self, now: float) -> None:
        """The handshake is not; the client may try another one."""
        self.state, self.deadline = State.WAITING, now + self._connect_s

    def receive(self, message: str | bytes, now: float) -> Received | None:
        """What a message of the client means, if anything. Raises Malformed.

        Of an event that is too large only the head is read, to refuse it by its id.
        """
        if isinstance(message, bytes):
            self._take_attachment(message)
            return None
        if self._attachments:
            raise Malformed("an attachment is missing")
        too_large = self._is_too_large(message)
        packet = packets.split(message)
        if too_large and not (self.admitted and packet.kind in EVENTS):
            raise Malformed("too large")
        if packet.kind is Kind.CONNECT:
            return self._connect(packet)
        if not self.admitted or packet.namespace != MAIN:
            raise Malformed("for a namespace that the client is not in")
        if packet.kind in EVENTS:
            self._attachments = packet.attachments
            return self._event(packet, too_large=too_large)
        if packet.kind is Kind.DISCONNECT and not packet.json:
            self.refuse(now)
            return Left()
        self._acknowledge(packet)
        return None

    def _is_too_large(self, message: str) -> bool:
        structure = self._max_structure if self.admitted else STRANGER_STRUCTURE
        return packets.size(message) > self.most_bytes or packets.has_much_structure(message, structure)

    def _take_attachment(self, data: bytes) -> None:
        if not self._attachments or len(data) > self._max_bytes:
            raise Malformed("no attachment")
        self._attachments -= 1

    def _connect(self, packet: Packet) -> Handshake | Reply:
        if packet.namespace != MAIN:
            if not self.admitted:
                self._count_connect()
            return Reply(packets.unknown_namespace(packet.namespace))
        if self.state is not State.WAITING:
            raise Malformed("a second handshake")
        self._count_connect()
        try:
            auth = packets.read(packet.json) if packet.json else None
        except InvalidRequest as error:
            raise Malformed("no handshake") from error
        self.state, self.deadline = State.CONNECTING, math.inf
        return Handshake(auth)

    def _count_connect(self) -> None:
        self._connects += 1
        if self._connects > MAX_CONNECTS:
            raise Malformed("too many handshakes")

    def _event(self, packet: Packet, *, too_large: bool) -> Event | Unreadable:
        if too_large:
            most = f"{self._max_bytes} bytes, and {self._max_structure} outside of JSON strings"
            error: ConfabError = PayloadTooLarge(f"A packet has at most {most}.")
            return Unreadable(packet.id, error)
        try:
            data = packets.read(packet.json)
        except InvalidRequest as invalid:
            return Unreadable(packet.id, invalid)
        if not (isinstance(data, list) and data and isinstance(data[0], str | int | float)):
            raise Malformed("no event")
        if packet.kind is Kind.BINARY_EVENT:
            return Unreadable(packet.id, InvalidRequest.field("", "binary data is not taken"))
        return Event(packet.id, data[0], data[1:])

    def _acknowledge(self, packet: Packet) -> None:
        """An acknowledgement of what was not asked for, which is read to the end and means nothing."""
        if packet.kind not in (Kind.ACK, Kind.BINARY_ACK):
            raise Malformed("no packet of a client")
        self._attachments = packet.attachments
        try:
            data = packets.read(packet.json)
        except InvalidRequest:
            return
        if not isinstance(data, list):
            raise Malformed("no acknowledgement")
