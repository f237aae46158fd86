"""Two instances on a store in memory, and a bus between them that moves only when a test says so."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from pydantic_core import from_json, to_json

from confab.domain.entries.message import Message
from confab.domain.errors import ConfabError, Unavailable
from confab.domain.events import EntryEvent, Event, decode_event, encode_event
from confab.domain.models import Conversation, Model
from confab.domain.requests import (
    AddMessage,
    CreateConversation,
    EditMessage,
    GetConversation,
    Request,
    SetMember,
    UpdateConversation,
    parse,
)
from confab.fanout.announce import InlineAnnouncer
from confab.ports.store import Appended
from confab.realtime.container import Container
from confab.realtime.socketio.api import Sent
from tests.support.adapters import MemoryAdapters, NamedUsers
from tests.support.samples import NOW, principal
from tests.support.twins.store import MemoryStore

T = TypeVar("T")
Payload = dict[str, Any]
Sink = Callable[[str, str, Mapping[str, Any]], None]
"""Called with a socket's id, an event and its payload."""


class Gate:
    """Holds a page that was read from the store until a test opens it."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.open = asyncio.Event()

    async def wait(self) -> None:
        self.reached.set()
        await self.open.wait()


GATE: ContextVar[Gate | None] = ContextVar("gate", default=None)
"""The gate of the pages that this task reads."""


HELD = ("page", "log")
REMOTE = (
    *HELD,
    "conversation",
    "entries",
    "heads",
    "append",
    "message",
    "change_message",
    "change_conversation",
)


class RemoteStore(MemoryStore):
    """A memory store that takes some turns of the event loop to answer, and can be away.

    Every call is still atomic: the turns pass before and after it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.away = False
        self.lose_answer = False
        """Set it to let the next append be stored and its answer be lost."""
        for name in REMOTE:
            setattr(self, name, partial(self._remotely, name, getattr(self, name)))

    def whole(self, conversation_id: str) -> list[Payload]:
        """The entries that are stored, read past the port."""
        log = self.logs[conversation_id]
        return [log.now(entry).wire() for entry in log.entries]

    async def _remotely(
        self, name: str, call: Callable[..., Awaitable[T]], *args: object, **options: object
    ) -> T:
        await asyncio.sleep(0)
        if self.away:
            raise Unavailable("The store does not answer.")
        answer = await call(*args, **options)
        await asyncio.sleep(0)
        if name == "append" and self.lose_answer:
            raise Unavailable("The store's answer was lost.")
        if name in HELD and (gate := GATE.get()) is not None:
            await gate.wait()
        return answer


class HandBus:
    """Implements `Publisher`. Each event waits, a copy for each instance, for a `move`."""

    def __init__(self) -> None:
        self.instances: list[Instance] = []
        self.in_flight: list[tuple[Instance, bytes]] = []

    async def connect(self) -> None:
        pass

    async def publish(self, event: Event) -> None:
        self.in_flight += [(instance, encode_event(event)) for instance in self.instances]

    async def move(self, copy: tuple["Instance", bytes], move: str) -> None:
        """Deliver a copy, drop it, or deliver and repeat it: it stays in flight."""
        instance, data = copy
        if move != "repeat":
            self.in_flight.remove(copy)
        if move != "drop":
            instance.receive(decode_event(data))

    async def close(self) -> None:
        pass


class Clock:
    """A clock that is a millisecond later each time."""

    def __init__(self) -> None:
        self._now = NOW

    def __call__(self) -> datetime:
        self._now += timedelta(milliseconds=1)
        return self._now


class Instance:
    """A realtime container without a network: the events of its sockets go to `sink`."""

    def __init__(self, store: RemoteStore, bus: HandBus, clock: Clock, sink: Sink, **env: str) -> None:
        adapters = MemoryAdapters(**env)
        adapters.store, adapters.publisher, adapters.clock = store, bus, clock
        adapters.verifier = NamedUsers()
        self._container = Container(adapters)
        self._origin = adapters.instance
        self._sink = sink
        self._container.server.__dict__.update(send_event=self._send_event, send=sink)
        self._application = self._container.application
        self.rooms = self._container.rooms
        bus.instances.append(self)

    async def connect(self, sid: str, user: str) -> None:
        """Admit a user's socket."""
        answers: list[object] = []
        await self._application.connect(
            sid, {"token": user}, lambda: answers.append("accepted"), lambda *refusal: answers.append(refusal)
        )
        assert answers == ["accepted"]

    async def ask(self, sid: str, name: str, payload: Payload) -> Payload:
        """Send an event; returns its acknowledgement."""
        acknowledged = asyncio.get_running_loop().create_future()
        await self.begin(sid, name, payload, acknowledged.set_result)
        answer: Payload = await acknowledged
        return answer

    async def begin(self, sid: str, name: str, payload: Payload, ack: Callable[[Payload], None]) -> None:
        """Send an event; returns when the socket may send its next one."""
        await self._application.event(
            sid, name, [payload], lambda answer: ack(from_json(to_json(answer, by_alias=True)))
        )

    def disconnect(self, sid: str) -> None:
        self._application.disconnected(sid)

    def receive(self, event: Event) -> None:
        """Receive an event of the bus, unless the instance published it."""
        if event.origin != self._origin and isinstance(event, EntryEvent):
            self.rooms.advance_head(event.conversation_id, event.seq, event.at)

    def _send_event(self, sids: Sequence[str], event: str, data: Model) -> Sent:
        for sid in sids:
            self._sink(sid, event, data.wire())
        return Sent(len(sids), ())


REQUESTS: Mapping[str, type[Request]] = {
    "create_conversation": CreateConversation,
    "get_conversation": GetConversation,
    "add_message": AddMessage,
    "edit_message": EditMessage,
    "update_conversation": UpdateConversation,
    "set_member": SetMember,
}


class Functions:
    """The REST operations, which answer with a resource or with an error's code."""

    def __init__(self, store: RemoteStore, bus: HandBus, clock: Clock, **env: str) -> None:
        adapters = MemoryAdapters(**env)
        adapters.store, adapters.clock = store, clock
        self._conversations = adapters.conversations_announced_by(InlineAnnouncer(bus, origin="a function"))
        self._views = adapters.views

    async def create(self, members: Mapping[str, str]) -> str:
        """A new conversation of alice's; its id."""
        listed = [{"userId": uid, "access": access} for uid, access in members.items()]
        created = await self._call("create_conversation", "alice", type="chat", members=listed)
        return str(created.conversation.id)

    async def read(self, user: str, conversation: str) -> Payload:
        """The conversation, as a reader fetches it."""
        page = await self._call("get_conversation", user, conversation)
        fetched: Payload = from_json(to_json(self._views.page(page), by_alias=True))["conversation"]
        return fetched

    async def change(self, operation: str, user: str, *path: object, **fields: object) -> Payload | str:
        """The resource that an operation on this path answers, or the code of the error."""
        try:
            result = await self._call(operation, user, *path, **fields)
        except ConfabError as error:
            return error.code
        if isinstance(result, Conversation):
            return self._views.conversation(result)
        message: Message = result.message if isinstance(result, Appended) else result
        return message.wire()

    async def _call(self, operation: str, user: str, *path: object, **fields: object) -> Any:
        model = REQUESTS.get(operation)
        request = [] if model is None else [parse(model, fields, self._conversations.limits)]
        caller = principal(user, agent=user.startswith("bot"))
        return await getattr(self._conversations, operation)(*path, *request, caller=caller)
