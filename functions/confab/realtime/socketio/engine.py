"""Engine.IO v4: the server's side of one session, as a state machine.

What the client sends and the time go in; messages, packets to send and a deadline come out. It neither
waits nor reads a clock. The source of every rule: https://socket.io/docs/v4/engine-io-protocol/.

A packet of text is a `str`, whose first character is its type; one of binary data is `bytes`.
"""

from enum import Enum, auto
from typing import Final, NamedTuple

from pydantic_core import to_json

from confab.realtime.socketio.packets import Malformed

OPEN, CLOSE, PING, PONG, MESSAGE, UPGRADE, NOOP = "0123456"
PROBE: Final = PING + "probe"
PROBED: Final = PONG + "probe"

Packet = str | bytes


class Heartbeat(NamedTuple):
    """How often the server asks whether the client is alive, and how long it waits; in seconds."""

    interval: float
    timeout: float


class State(Enum):
    """How far a session has come."""

    OPEN = auto()
    CLOSING = auto()
    """Closed by the server; a client that polls may fetch what was left."""
    CLOSED = auto()


class Session:
    """One client's session, over polling until a WebSocket takes over, or over a WebSocket at once."""

    __slots__ = (
        "_active",
        "_awaits_pong",
        "_candidate",
        "_heartbeat",
        "_polling",
        "_probed",
        "deadline",
        "outgoing",
        "over_websocket",
        "sid",
        "state",
        "unsent",
    )

    def __init__(self, sid: str, heartbeat: Heartbeat, now: float, *, over_websocket: bool) -> None:
        """`now` is monotonic, in seconds, as every time here."""
        self.sid = sid
        self.over_websocket = over_websocket
        self.state = State.OPEN
        self.outgoing: list[Packet] = []  # a deque would take 600 bytes more
        """What the shell has to send, or the next poll fetches."""
        self.unsent = 0
        """The characters and bytes in `outgoing`."""
        self.deadline = now + heartbeat.interval
        """When `tick` is to be called next."""
        self._heartbeat = heartbeat
        self._awaits_pong = False
        self._active = False
        self._polling = False
        self._candidate = False
        self._probed = False

    @property
    def open(self) -> bool:
        """Whether the client may send, and be sent, anything."""
        return self.state is State.OPEN

    @property
    def upgrading(self) -> bool:
        """Whether a WebSocket was answered that is about to take over: polls are to end."""
        return self._probed

    def opening(self, max_payload: int) -> str:
        """The first packet of the session; `max_payload` is in bytes."""
        return (
            OPEN
            + to_json(
                {
                    "sid": self.sid,
                    "upgrades": [] if self.over_websocket else ["websocket"],
                    "pingInterval": round(self._heartbeat.interval * 1000),
                    "pingTimeout": round(self._heartbeat.timeout * 1000),
                    "maxPayload": max_payload,
                }
            ).decode()
        )

    def send(self, packet: Packet) -> None:
        """Queue a packet behind all earlier ones."""
        self.outgoing.append(packet)
        self.unsent += len(packet)

    def take(self, most: int | None = None) -> list[Packet]:
        """The packets to send now, at most so many."""
        taken = self.outgoing[:most]
        del self.outgoing[:most]
        self.unsent -= sum(map(len, taken))
        return taken

    def receive(self, packet: Packet, now: float) -> Packet | None:
        """The message in a packet of the client, if it is one.

        Raises Malformed for what clients do not send. A CLOSE closes the session.
        """
        if isinstance(packet, bytes):
            self._active = True
            return packet
        kind = packet[:1]
        if kind == MESSAGE:
            self._active = True
            return packet[1:]
        if kind == PONG:
            if self._awaits_pong:
                self._awaits_pong = False
                self.deadline = now + self._heartbeat.interval
        elif kind == CLOSE:
            self.close()
        elif packet != UPGRADE:  # which changes nothing any more
            raise Malformed("no packet of a client")
        return None

    def note_activity(self) -> None:
        """The client is alive: its PONG may stand behind much else."""
        self._active = True

    def tick(self, now: float) -> None:
        """Do what is due at `deadline`: send a PING, or close a session that answered none."""
        if not self.open or now < self.deadline:
            return
        if not self._awaits_pong:
            self._awaits_pong, self._active = True, False
            self.send(PING)
        elif self._active:
            self._active = False
        else:
            self.close()
            return
        self.deadline = now + self._heartbeat.timeout

    def close(self, *, politely: bool = False) -> None:
        """Close the session; politely, the client gets what is queued.

        It gets no CLOSE: python-socketio's clients do not connect again after one.
        """
        if not self.open:
            return
        if politely:
            self.state = State.CLOSING
        else:
            self.take()
            self.state = State.CLOSED

    # Polling

    def begin_poll(self) -> bool:
        """Whether a poll may wait. A second one at a time may not: it closes the session."""
        if self._polling:
            if self.open:
                self.send(CLOSE)
            self.close(politely=True)
            return False
        self._polling = self.state is not State.CLOSED and not self.over_websocket
        return self._polling

    @property
    def poll_is_due(self) -> bool:
        """Whether the poll that waits has to be answered."""
        return bool(self.outgoing) or self._probed or self.over_websocket or not self.open

    def end_poll(self, most: int) -> list[Packet]:
        """The answer to the poll, at most so many packets: NOOP if there is nothing to say."""
        self._polling = False
        packets = [] if self._probed or self.over_websocket else self.take(most)
        if self.state is State.CLOSING and not self.outgoing:
            self.state = State.CLOSED
        return packets or [NOOP]

    # The WebSocket that is to take over

    def begin_upgrade(self) -> bool:
        """Whether a WebSocket may ask to take over; one at a time, and once."""
        if not self.open or self.over_websocket or self._candidate:
            return False
        self._candidate = True
        return True

    def upgrade(self, packet: Packet) -> str | None:
        """The answer to a packet of that WebSocket, if there is one. Raises Malformed unless it is next."""
        if not self._probed and packet == PROBE:
            self._probed = True
            return PROBED
        if not self._probed or packet != UPGRADE:
            raise Malformed("no step of an upgrade")
        self.over_websocket = True
        return None

    def end_upgrade(self) -> None:
        """The WebSocket has taken over, or will not."""
        self._candidate = self._probed = False
