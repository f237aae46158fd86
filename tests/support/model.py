"""Two instances and the functions, and the logs that must result: what was acknowledged, in order."""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from tests.support.hand_bus import Clock, Functions, HandBus, Instance, Payload, RemoteStore
from tests.support.model_client import Client

T = TypeVar("T")
PAGE = 3
ENV = {"CONFAB_MAX_PAGE": str(PAGE), "CONFAB_MAX_SOCKETS_PER_USER": "0", "CONFAB_MESSAGES_PER_10S": "0"}
MEMBERS = {"bob": "write", "bot": "write", "rita": "read"}
READERS = ("alice", *MEMBERS)
EVERYBODY = (*READERS, "mallory")
PATIENCE = 2_000
"""Turns of the event loop within which all work ends."""

Way = int | None
"""How somebody writes: over a socket at one of the instances, or by a function."""


class Model:
    """The system and its model, in an event loop of their own. Each method fails where the two differ."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.loop.set_exception_handler(lambda _loop, context: self._complaints.append(str(context)))
        self.store, self.bus = RemoteStore(), HandBus()
        self.logs: dict[str, list[Payload]] = {}
        self.clients: dict[str, Client] = {}
        self._complaints: list[str] = []
        self._keys: dict[tuple[str, str, str], Payload] = {}
        self._names = 0
        clock = Clock()
        self.functions = Functions(self.store, self.bus, clock, **ENV)
        self.run(self._start(clock))

    async def _start(self, clock: Clock) -> None:
        self.instances = [Instance(self.store, self.bus, clock, self._sent, **ENV) for _ in range(2)]
        for instance in self.instances:
            for user in EVERYBODY:
                await instance.connect(user, user)  # to send over

    def close(self) -> None:
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        self.run(asyncio.wait(tasks) if tasks else asyncio.sleep(0))
        self.loop.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def new_name(self) -> str:
        self._names += 1
        return str(self._names)

    # What users do.

    def create(self) -> str:
        room = self.run(self.functions.create(MEMBERS))
        self.logs[room] = []
        return room

    def enter(self, room: str, user: str, at: int, after: int | None, steps: int) -> Client:
        """Connect at an instance, and join as far as `steps` go."""
        sid = f"s{self.new_name()}"
        client = self.clients[sid] = Client(sid, user, self.instances[at], room)
        self.run(client.connect())
        self.run(client.join(after, steps))
        return client

    def write(
        self,
        room: str,
        user: str,
        way: Way,
        content: str = "",
        key: str | None = None,
        *,
        crash: bool = False,
    ) -> None:
        """Write; in a crash the message is stored, but neither announced nor acknowledged."""
        content = content or self.new_name()
        earlier = None if key is None else self._keys.get((room, user, key))
        refusal = self._refusal(room, user, content, earlier)
        crash = self.store.lose_answer = crash and refusal is None and earlier is None
        outcome = self.run(self._send(way, user, room, content, key))
        self.store.lose_answer = False
        if crash:
            assert outcome == "unavailable"
            outcome = self.store.whole(room)[-1]
        if isinstance(outcome, str) or refusal is not None:
            assert outcome == refusal
        elif earlier is not None:
            assert outcome == earlier
        else:
            assert (outcome["seq"], outcome["content"]) == (len(self.logs[room]) + 1, content)
            self.logs[room].append(outcome)
            if key is not None:
                self._keys[room, user, key] = outcome

    def finalize(self, room: str, user: str, sends: Sequence[tuple[Way, str]], position: int) -> None:
        """Finalize while others write: each is numbered before the finalization or rejected."""
        calls = [self._send(way, author, room, self.new_name(), None) for way, author in sends]
        calls.insert(position, self.functions.finalize(user, room))
        outcomes = self.run(_together(calls))
        entries = [_entry_of(outcome) for outcome in outcomes if not isinstance(outcome, str)]
        new = [entry for entry in entries if entry not in self.logs[room]]
        self.logs[room] += sorted(new, key=lambda entry: int(entry["seq"]))
        outcome = outcomes.pop(min(position, len(sends)))
        refusal = {"alice": None, "mallory": "not_found"}.get(user, "forbidden")
        if isinstance(outcome, str) or refusal is not None:
            assert outcome == ("unavailable" if self.store.away else refusal)
        closed = messages_of(self.logs[room]) != self.logs[room]
        rejection = "unavailable" if self.store.away else "conversation_finalized" if closed else None
        assert all(outcome == rejection for outcome in outcomes if isinstance(outcome, str))

    async def _send(self, way: Way, user: str, room: str, content: str, key: str | None) -> Payload | str:
        """The stored message, or the code of the error."""
        fields: Payload = {"content": content, "role": "assistant" if user == "bot" else "user"}
        if key is not None:
            fields["clientMessageId"] = key
        if way is None:
            return await self.functions.write(user, room, fields)
        ack = await self.instances[way].ask(user, "message", fields | {"conversationId": room})
        outcome: Payload | str = ack["message"] if ack["ok"] else ack["error"]["code"]
        return outcome

    def _refusal(self, room: str, user: str, content: str, earlier: Payload | None) -> str | None:
        """The error of a message that is refused."""
        log = self.logs[room]
        refusals = {
            "unavailable": self.store.away,
            "not_found": user == "mallory",
            "forbidden": user == "rita",
            "idempotency_conflict": earlier is not None and earlier["content"] != content,
            "conversation_finalized": earlier is None and messages_of(log) != log,
        }
        return next((code for code, applies in refusals.items() if applies), None)

    # What must hold.

    def check(self) -> None:
        """Each socket has a run of its log; each log is what was acknowledged, the finalization last."""
        assert not self._complaints
        for client in self.clients.values():
            client.collect()
            view = client.view
            assert view.messages == messages_of(self.logs[client.room][view.start : view.end])
        for room, log in self.logs.items():
            assert self.store.whole(room) == log
            assert [entry["seq"] for entry in log] == list(range(1, len(log) + 1))
            assert messages_of(log[:-1]) == log[:-1]

    def sweep(self) -> None:
        """While the store is there, a sweep brings everything to every live socket, without the bus.

        Its state and events make the same as the state fetched again.
        """
        self.store.away = False
        self.run(self._rest())
        self.check()
        for client in self.clients.values():
            if client.idle and client.view.live:
                assert client.view.end == len(self.logs[client.room])
                fetched = self.run(self.functions.read(client.user, client.room))
                assert client.view.conversation == fetched

    async def _rest(self) -> None:
        for instance in self.instances:
            await instance.rooms.sweep()
        for _ in range(PATIENCE):
            await asyncio.sleep(0)
            for client in self.clients.values():
                client.collect()
            working = any(client.working for client in self.clients.values())
            served = [served for instance in self.instances for served in instance.rooms._served.values()]
            if not working and not any(one.filling for one in served):
                return
        raise AssertionError("the work does not end")

    def _sent(self, sid: str, event: str, data: Mapping[str, Any]) -> None:
        if (client := self.clients.get(sid)) is not None:
            try:
                client.view.take_event(event, dict(data))
            except AssertionError as error:  # a sender must not fail
                self._complaints.append(str(error))


def messages_of(log: Sequence[Payload]) -> list[Payload]:
    return [entry for entry in log if "content" in entry]


async def _together(calls: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    return list(await asyncio.gather(*calls))


def _entry_of(outcome: Payload) -> Payload:
    """A message, or the finalization of a conversation."""
    if "content" in outcome:
        return outcome
    return {
        "kind": "finalized",
        "conversationId": outcome["id"],
        "seq": outcome["seq"],
        "finalizedAt": outcome["finalizedAt"],
    }
