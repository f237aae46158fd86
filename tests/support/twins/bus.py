"""The bus in memory: the twin of the one on Pub/Sub, which passes the same contract tests."""

import asyncio
import logging
from collections.abc import AsyncIterator

from confab import trace
from confab.domain.errors import Unavailable
from confab.domain.events import Event, Typing, decode_event, encode_event
from confab.trace import Trace

log = logging.getLogger(__name__)


class MemoryBus:
    """A topic: what is published reaches every subscription that is open."""

    def __init__(self) -> None:
        self.down = False
        """Set it to let the bus refuse every publish."""
        self._open: set[MemorySubscription] = set()

    def publisher(self) -> "MemoryPublisher":
        """A new publisher."""
        return MemoryPublisher(self)

    def subscription(self, instance: str = "") -> "MemorySubscription":
        """A new subscription of this instance, open once its events are iterated."""
        return MemorySubscription(self._open, instance)

    def put(self, data: bytes, carried: Trace | None = None) -> None:
        """Give a message to every open subscription, whatever it is; raises Unavailable when down."""
        if self.down:
            raise Unavailable("The event bus does not answer.")
        for subscription in self._open:
            subscription.take(data, carried)


class MemoryPublisher:
    """The port `Publisher` over a MemoryBus."""

    def __init__(self, bus: MemoryBus) -> None:
        self._bus = bus
        self._closed = False

    async def connect(self) -> None:
        """Do nothing: it is here."""

    async def publish(self, event: Event) -> None:
        """Hand the event to the bus; raises Unavailable when it is down."""
        if self._closed:
            raise Unavailable("The connection to the event bus is closed.")
        self._bus.put(encode_event(event), trace.current())

    async def close(self) -> None:
        """Refuse what comes after this."""
        self._closed = True


class MemorySubscription:
    """The port `Subscription` over a MemoryBus."""

    def __init__(self, subscriptions: "set[MemorySubscription]", instance: str) -> None:
        self._subscriptions = subscriptions
        self._instance = instance
        self._waiting = asyncio.Queue[tuple[bytes, Trace | None] | None]()
        self.deaf = False
        """Set it to let what is published get lost, until a restart."""
        self._closed = False
        self.undecodable = 0
        """How many messages were none of ours."""
        self.lag_s = 0.0

    @property
    def connected(self) -> bool:
        """Whether what is published now arrives here."""
        return self in self._subscriptions

    def take(self, data: bytes, carried: Trace | None) -> None:
        """What the bus calls with each message."""
        if not self.deaf:
            self._waiting.put_nowait((data, carried))

    async def events(self) -> AsyncIterator[Event]:
        """The events, until the subscription is closed."""
        if self._closed:
            return
        self._subscriptions.add(self)
        while (message := await self._waiting.get()) is not None:
            data, carried = message
            try:
                event = decode_event(data)
            except ValueError:
                self.undecodable += 1
                log.warning("a bus message is not a Confab event")
                continue
            if event.origin == self._instance and not isinstance(event, Typing):
                continue
            trace.enter(carried)
            yield event
            trace.enter(None)

    def restart(self, *, fresh: bool) -> None:
        """Hear again; a fresh subscription has forgotten what waited."""
        self.deaf = False
        if fresh:
            self._forget()

    async def close(self) -> None:
        """Leave the bus; the iteration over the events ends."""
        self._closed = True
        self._subscriptions.discard(self)
        self._forget()
        self._waiting.put_nowait(None)

    def _forget(self) -> None:
        while not self._waiting.empty():
            self._waiting.get_nowait()
