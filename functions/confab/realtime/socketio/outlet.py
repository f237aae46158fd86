"""What goes to one client: over its WebSocket, or to its next poll."""

import asyncio

from confab.realtime.socketio.engine import Packet, Session, State
from confab.realtime.socketio.registry import Registry
from confab.realtime.socketio.wire import BINARY, PONG, Wire, framed


class Outlet:
    """Sends the packets of a session in their order, and knows how much its client has taken of them."""

    __slots__ = ("_arrival", "_registry", "_session", "_taken", "_unmoved", "wire")

    def __init__(self, registry: Registry, session: Session) -> None:
        self.wire: Wire | None = None
        """The client's WebSocket, unless it polls."""
        self._registry = registry
        self._session = session
        self._arrival: asyncio.Event | None = None  # made while a poll waits
        self._taken = 0
        self._unmoved = -1  # what the connection had taken when `is_stuck` was asked last

    @property
    def unsent(self) -> int:
        """The bytes that wait for the client."""
        return self._session.unsent if self.wire is None else self.wire.unsent

    @property
    def taken(self) -> int:
        """The bytes that the client has been sent."""
        return self._taken if self.wire is None else self.wire.written - self.wire.unsent

    def send(self, packet: str) -> None:
        """Send a packet after all earlier ones. Never waits."""
        if self._session.open:
            self._session.send(packet)
            self.flush()

    def offer(self, packet: bytes, limit: int) -> bool:
        """Send a packet to a client that polls, unless more than `limit` bytes would wait; whether it is."""
        if self._session.unsent + len(packet) > limit:
            return False
        self._session.send(packet.decode())
        self.flush()
        return True

    def pong(self, data: bytes) -> None:
        """Answer a ping of the WebSocket itself."""
        if self.wire is not None and self._session.open:
            self.wire.write(framed(data, PONG))

    def flush(self) -> None:
        """Send what the session has queued, or let the poll that waits fetch it."""
        if self.wire is None:
            self._registry.writer.note(self._session.sid, self._session.unsent)
            if self._arrival is not None and self._session.poll_is_due:
                self._arrival.set()
            return
        for packet in self._session.take():
            self.wire.write(framed(packet.encode()) if isinstance(packet, str) else framed(packet, BINARY))

    def note_unsent(self) -> None:
        """Tell the backlog how much waits for the client."""
        if self.wire is None:
            self._registry.backlog.note(self._session.sid, self._session.unsent)
        else:
            self.wire.note()

    async def poll(self, most: int) -> list[Packet]:
        """The next packets for a poll that has begun, at most so many, once there are any."""
        try:
            if not self._session.poll_is_due:
                self._arrival = asyncio.Event()
                await self._arrival.wait()
        finally:
            self._arrival = None
        packets_ = self._session.end_poll(most)
        self._taken += sum(map(len, packets_))
        self.note_unsent()
        if self._session.state is State.CLOSED:
            self._registry.forget(self._session.sid)
        return packets_

    def attach(self, wire: Wire) -> None:
        """Send over a WebSocket from now on, first what is queued."""
        self.wire = wire
        self._registry.backlog.note(self._session.sid, 0)
        self.flush()

    def end(self) -> None:
        """Count no more for the backlog: the session has ended."""
        if self.wire is not None:
            self.wire.end()

    def abort(self) -> None:
        """Drop the connection, and what is unsent with it."""
        if self.wire is not None:
            self.wire.abort()

    def is_stuck(self) -> bool:
        """Whether the connection has something to take, and took nothing since this was asked last."""
        unmoved, self._unmoved = self._unmoved, self.taken
        return self.wire is not None and self.wire.unsent > 0 and self._unmoved == unmoved
