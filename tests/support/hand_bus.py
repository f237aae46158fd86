"""Two instances on a store in memory, and a bus between them that moves only when a test says so."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import Any, TypeVar

from pydantic_core import from_json, to_json

from confab.domain.changes import ConversationChange, MessageChange
from confab.domain.entries.message import Draft, Message
from confab.domain.entries.message_changed import MessageChanged
from confab.domain.errors import ConfabError, Unavailable
from confab.domain.events import EntryEvent, Event, decode_event, encode_event
from confab.domain.models import Conversation, LogPage, Model, Page, Principal
from confab.domain.requests import (
    AddMessage,
    CreateConversation,
    EditMessage,
    GetConversation,
    SetMember,
    UpdateConversation,
    parse,
)
from confab.fanout.announce import InlineAnnouncer
from confab.ports.store import Appended, Excerpt, Head
from confab.realtime.container import Container
from confab.realtime.transport import Sent
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


class RemoteStore(MemoryStore):
    """A memory store that takes some turns of the event loop to answer, and can be away.

    Every call is still atomic: the turns pass before and after it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.away = False
        self.lose_answer = False
        """Set it to let the next append be stored and its answer be lost."""

    async def conversation(self, conversation_id: str) -> Conversation | None:
        return await self._remotely(super().conversation(conversation_id))

    async def page(self, conversation_id: str, reader: str, limit: int, **where: Any) -> Page | None:
        return await self._held(super().page(conversation_id, reader, limit, **where))

    async def entries(self, conversation_id: str, first: int, last: int) -> Excerpt | None:
        return await self._remotely(super().entries(conversation_id, first, last))

    async def heads(self, conversation_ids: Sequence[str]) -> dict[str, Head]:
        return await self._remotely(super().heads(conversation_ids))

    async def append(self, draft: Draft, *, now: datetime) -> Appended:
        appended = await self._remotely(super().append(draft, now=now))
        if self.lose_answer:
            raise Unavailable("The store's answer was lost.")
        return appended

    async def log(self, conversation_id: str, reader: str, limit: int, **where: Any) -> LogPage | None:
        return await self._held(super().log(conversation_id, reader, limit, **where))

    async def message(self, conversation_id: str, seq: int) -> tuple[Conversation | None, Message | None]:
        return await self._remotely(super().message(conversation_id, seq))

    async def change_message(self, change: MessageChange, *, now: datetime) -> MessageChanged | None:
        return await self._remotely(super().change_message(change, now=now))

    async def change_conversation(self, change: ConversationChange, *, now: datetime) -> Conversation | None:
        return await self._remotely(super().change_conversation(change, now=now))

    def whole(self, conversation_id: str) -> list[Payload]:
        """The entries that are stored, read past the port."""
        log = self.logs[conversation_id]
        return [log.now(entry).wire() for entry in log.entries]

    async def _held(self, call: Coroutine[Any, Any, T]) -> T:
        answer = await self._remotely(call)
        if (gate := GATE.get()) is not None:
            await gate.wait()
        return answer

    async def _remotely(self, call: Coroutine[Any, Any, T]) -> T:
        try:
            await asyncio.sleep(0)
            if self.away:
                raise Unavailable("The store does not answer.")
            answer = await call
        finally:
            call.close()
        await asyncio.sleep(0)
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
        self._container.transport.__dict__.update(send_event=self._send_event, send=sink)
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
        created = await self._conversations.create_conversation(
            parse(CreateConversation, {"type": "chat", "members": listed}, self._conversations.limits),
            caller=principal("alice"),
        )
        return created.conversation.id

    async def write(self, user: str, conversation: str, fields: Payload) -> Payload | str:
        request = parse(AddMessage, fields, self._conversations.limits)
        adding = self._conversations.add_message(conversation, request, caller=_caller(user))
        return await _outcome(adding, lambda appended: appended.message.wire())

    async def finalize(self, user: str, conversation: str) -> Payload | str:
        finalizing = self._conversations.finalize_conversation(conversation, caller=_caller(user))
        return await _outcome(finalizing, self._views.conversation)

    async def edit(self, user: str, conversation: str, seq: int, content: str) -> Payload | str:
        request = parse(EditMessage, {"content": content}, self._conversations.limits)
        editing = self._conversations.edit_message(conversation, seq, request, caller=_caller(user))
        return await _outcome(editing, Message.wire)

    async def delete(self, user: str, conversation: str, seq: int) -> Payload | str:
        deleting = self._conversations.delete_message(conversation, seq, caller=_caller(user))
        return await _outcome(deleting, Message.wire)

    async def rename(self, user: str, conversation: str, title: str) -> Payload | str:
        request = parse(UpdateConversation, {"title": title}, self._conversations.limits)
        renaming = self._conversations.update_conversation(conversation, request, caller=_caller(user))
        return await _outcome(renaming, self._views.conversation)

    async def set_member(self, user: str, conversation: str, uid: str, access: str) -> Payload | str:
        request = parse(SetMember, {"access": access}, self._conversations.limits)
        setting = self._conversations.set_member(conversation, uid, request, caller=_caller(user))
        return await _outcome(setting, self._views.conversation)

    async def remove(self, user: str, conversation: str, uid: str) -> Payload | str:
        removing = self._conversations.remove_member(conversation, uid, caller=_caller(user))
        return await _outcome(removing, self._views.conversation)

    async def read(self, user: str, conversation: str) -> Payload:
        """The conversation, as a reader fetches it."""
        request = parse(GetConversation, {}, self._conversations.limits)
        page = await self._conversations.get_conversation(conversation, request, caller=_caller(user))
        fetched: Payload = from_json(to_json(self._views.page(page), by_alias=True))["conversation"]
        return fetched


async def _outcome(work: Awaitable[T], render: Callable[[T], Payload]) -> Payload | str:
    try:
        return render(await work)
    except ConfabError as error:
        return error.code


def _caller(user: str) -> Principal:
    return principal(user, agent=user.startswith("bot"))
