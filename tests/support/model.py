"""Two instances and the functions, and the logs that must result: what was acknowledged, in order."""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from tests.support.hand_bus import Clock, Functions, HandBus, Instance, Payload, RemoteStore
from tests.support.model_client import Client

T = TypeVar("T")
PAGE = 3
ENV = {"CONFAB_MAX_PAGE": str(PAGE), "CONFAB_MAX_SOCKETS_PER_USER": "0"}
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
        self.members: dict[str, dict[str, str]] = {}
        """The access of who may read, by conversation."""
        self.removed: dict[tuple[str, str], int] = {}
        """The entry that removed a user who is no member now, by conversation and uid."""
        self.titles: dict[str, str] = {}
        self._keys: dict[tuple[str, str, str], tuple[int, str]] = {}
        """The number of a message and what was first sent, by conversation, author and key."""
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
        self.members[room] = {"alice": "owner", **MEMBERS}
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
        content, log = content or self.new_name(), self.logs[room]
        seq, first = (0, "") if key is None else self._keys.get((room, user, key), (0, ""))
        earlier = log[seq - 1] if seq else None
        refusal = self._refusal(
            room, user, conflict=earlier is not None and content != first, earlier=earlier
        )
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
            assert (outcome["seq"], outcome["content"]) == (len(log) + 1, content)
            log.append(outcome)
            if key is not None:
                self._keys[room, user, key] = (outcome["seq"], content)

    def revise(self, room: str, user: str, pick: int, content: str | None) -> None:
        """Edit a message, or delete it without content."""
        log = self.logs[room]
        message = log[pick % len(log)]
        seq = message["seq"]
        if content is None:
            outcome = self.run(self.functions.change("delete_message", user, room, seq))
        else:
            outcome = self.run(self.functions.change("edit_message", user, room, seq, content=content))
        allowed = user == message.get("author") or (content is None and user == "alice")
        gone = message["kind"] != "message" or (content is not None and message["deletedAt"])
        same = content == message.get("content") if content is not None else message.get("deletedAt")
        refusals = {
            "unavailable": self.store.away,
            "not_found": user not in self.members[room] or gone,
            "forbidden": not allowed or self.members[room].get(user) == "read",
            "conversation_finalized": not same and self.closed(room),
        }
        self._expect(outcome, refusals)
        if not isinstance(outcome, str) and outcome["version"] == len(log) + 1:
            log[seq - 1] = outcome
            log.append({"kind": "message_changed", "seq": len(log) + 1, "of": seq})
        elif not isinstance(outcome, str):
            assert same
            assert outcome == message

    def govern(self, room: str, user: str, uid: str, access: str | None, title: str | None) -> None:
        """Rename a conversation, or add a member, change the access of one, or remove one."""
        members, log = self.members[room], self.logs[room]
        if title is not None:
            outcome = self.run(self.functions.change("update_conversation", user, room, title=title))
        elif access is not None:
            outcome = self.run(self.functions.change("set_member", user, room, uid, access=access))
        else:
            outcome = self.run(self.functions.change("remove_member", user, room, uid))
        old = members.get(uid)
        removes = title is None and access is None
        same = title == self.titles.get(room) if title is not None else access == old
        refusals = {
            "unavailable": self.store.away,
            "not_found": user not in members,
            "forbidden": user != "alice" and not (removes and user == uid),
            "conversation_finalized": not same and self.closed(room),
        }
        self._expect(outcome, refusals)
        if isinstance(outcome, str) or same:
            return
        assert outcome["seq"] == len(log) + 1
        what = {"title": True} if title is not None else {"added" if old is None else "access": [uid]}
        log.append(
            {
                "kind": "conversation_changed",
                "seq": len(log) + 1,
                "changes": {"removed": [uid]} if removes else what,
            }
        )
        if title is not None:
            self.titles[room] = title
        elif access is not None:
            members[uid] = access
            self.removed.pop((room, uid), None)
        else:
            del members[uid]
            self.removed[room, uid] = len(log)

    def finalize(self, room: str, user: str, sends: Sequence[tuple[Way, str]], position: int) -> None:
        """Finalize while others write: each is numbered before the finalization or rejected."""
        calls = [self._send(way, author, room, self.new_name(), None) for way, author in sends]
        calls.insert(position, self.functions.change("finalize_conversation", user, room))
        outcomes = self.run(_together(calls))
        entries = [_entry_of(outcome) for outcome in outcomes if not isinstance(outcome, str)]
        new = [entry for entry in entries if entry not in self.logs[room]]
        self.logs[room] += sorted(new, key=lambda entry: int(entry["seq"]))
        outcome = outcomes.pop(min(position, len(sends)))
        absent = "not_found" if user not in self.members[room] else "forbidden"
        refusal = None if user == "alice" else absent
        if isinstance(outcome, str) or refusal is not None:
            assert outcome == ("unavailable" if self.store.away else refusal)
        for (_, author), sent in zip(sends, outcomes, strict=True):
            if isinstance(sent, str):
                assert sent == self._refusal(room, author)

    def closed(self, room: str) -> bool:
        return self.logs[room][-1:] != [] and self.logs[room][-1]["kind"] == "finalized"

    async def _send(self, way: Way, user: str, room: str, content: str, key: str | None) -> Payload | str:
        """The stored message, or the code of the error."""
        fields: Payload = {"content": content, "role": "assistant" if user == "bot" else "user"}
        if key is not None:
            fields["clientMessageId"] = key
        if way is None:
            return await self.functions.change("add_message", user, room, **fields)
        ack = await self.instances[way].ask(user, "message", fields | {"conversationId": room})
        outcome: Payload | str = ack["message"] if ack["ok"] else ack["error"]["code"]
        return outcome

    def _refusal(
        self, room: str, user: str, *, earlier: Payload | None = None, conflict: bool = False
    ) -> str | None:
        """The error of a message that is refused."""
        known = earlier is not None and (not conflict or earlier["deletedAt"])
        refusals = {
            "unavailable": self.store.away,
            "not_found": user not in self.members[room],
            "forbidden": not known and self.members[room].get(user) == "read",
            "idempotency_conflict": not known and earlier is not None,
            "conversation_finalized": earlier is None and self.closed(room),
        }
        return next((code for code, applies in refusals.items() if applies), None)

    def _expect(self, outcome: Payload | str, refusals: Mapping[str, object]) -> None:
        refusal = next((code for code, applies in refusals.items() if applies), None)
        assert (outcome if isinstance(outcome, str) else None) == refusal

    # What must hold.

    def check(self) -> None:
        """Each socket has a run of its log; each log is what was acknowledged, the finalization last."""
        assert not self._complaints
        for client in self.clients.values():
            client.collect()
            view, log = client.view, self.logs[client.room]
            assert view.messages.keys() == {one["seq"] for one in messages_of(log[view.start : view.end])}
            for seq, message in view.messages.items():
                now = log[seq - 1]
                assert (
                    message == now
                    if message["version"] == now["version"]
                    else message["version"] < now["version"]
                )
            if (at := self.removed.get((client.room, client.user))) is not None:
                states = [view.conversation, *view.messages.values()] if view.conversation else []
                assert view.end <= at
                assert all(state.get("version", state["seq"]) <= at for state in states)
        for room, log in self.logs.items():
            assert [_bare(entry, log) for entry in self.store.whole(room)] == log
            assert [entry["seq"] for entry in log] == list(range(1, len(log) + 1))
            assert all(entry["kind"] != "finalized" for entry in log[:-1])

    def sweep(self) -> None:
        """While the store is there, a sweep brings everything to every live socket, without the bus.

        Its state and events make the same as the state fetched again.
        """
        self.store.away = False
        self.run(self._rest())
        self.check()
        for client in self.clients.values():
            view, log = client.view, self.logs[client.room]
            if client.idle and view.live:
                assert view.end == len(log)
                assert view.messages == {one["seq"]: one for one in messages_of(log[view.start :])}
                fetched = self.run(self.functions.read(client.user, client.room))
                assert view.conversation == fetched

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
    return [entry for entry in log if entry["kind"] == "message"]


def _bare(entry: Payload, log: Sequence[Payload]) -> Payload:
    """An entry as the model has it; fails if it carries another state than that of now."""
    if entry["kind"] == "message_changed":
        message = entry["message"]
        assert message == log[message["seq"] - 1]
        return {"kind": entry["kind"], "seq": entry["seq"], "of": message["seq"]}
    if entry["kind"] == "conversation_changed":
        assert entry["conversation"]["seq"] == len(log)
        return {name: entry[name] for name in ("kind", "seq", "changes")}
    return entry


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
