"""Members who come, go and change, over two instances: what their live sockets get, and until when."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from confab.domain.events import Typing, TypingState
from confab.domain.limits import Limits
from confab.domain.requests import EditMessage, SetMember, UpdateConversation, parse
from confab.realtime import typing as typing_module
from tests.support.clients import Client, code
from tests.support.samples import principal
from tests.support.world import World

pytestmark = pytest.mark.usefixtures("quick_sweeps")
ALICE = principal("alice")
BUS = pytest.mark.parametrize("bus", ["bus up", "bus down"])


async def sockets(world: World, user: str, room: str) -> list[Client]:
    """A socket of the user's on each instance, which notes what it is sent from now on."""
    clients = [await world.client(user, instance, room, after=0) for instance in (0, 1)]
    for client in clients:
        client.received.clear()
    return clients


async def weather(world: World, bus: str) -> None:
    if bus == "bus down":
        await world.silence_bus()


async def set_access(world: World, room: str, uid: str, access: str) -> int:
    """The number of the entry."""
    request = parse(SetMember, {"access": access}, Limits())
    return (await world.rest.set_member(room, uid, request, caller=ALICE)).seq


async def remove(world: World, room: str, uid: str, by: str = "alice") -> int:
    return (await world.rest.remove_member(room, uid, caller=principal(by))).seq


async def update(world: World, room: str, **fields: object) -> int:
    request = parse(UpdateConversation, fields, Limits())
    return (await world.rest.update_conversation(room, request, caller=ALICE)).seq


async def edit(world: World, room: str, seq: int, content: str) -> None:
    request = parse(EditMessage, {"content": content}, Limits())
    await world.rest.edit_message(room, seq, request, caller=ALICE)


def said(room: str, content: object) -> dict[str, Any]:
    return {"conversationId": room, "content": str(content)}


def left(room: str, reason: str) -> tuple[str, Any]:
    return "left", {"conversationId": room, "reason": reason}


async def meanwhile(world: World, room: str, bobs: list[Client], change: Any) -> tuple[int, list[Any]]:
    """The number of a change while everyone writes, and what bob's messages were answered."""
    writing = [bob.call("message", said(room, n)) for n in range(10) for bob in bobs]
    others = [world.rest_message(room, str(n)) for n in range(10)]
    changed, answers, *_ = await asyncio.gather(change, asyncio.gather(*writing), *others)
    await world.rest_message(room, "later")
    return changed, answers


@BUS
async def test_a_removed_member_gets_everything_up_to_the_removal_and_nothing_after(world, bus):
    room = await world.conversation(members=["bob"])
    alices, bobs = await sockets(world, "alice", room), await sockets(world, "bob", room)
    await weather(world, bus)
    removed, answers = await meanwhile(world, room, bobs, remove(world, room, "bob"))
    assert {code(one) for one in answers if not one["ok"]} <= {"not_found"}
    assert all(one["message"]["seq"] < removed for one in answers if one["ok"])
    for bob in bobs:
        await bob.until(lambda c: bool(c.of("left")))
    for alice in alices:
        await alice.until(lambda c: c.of("message")[-1]["content"] == "later")
        assert alice.seqs() == list(range(1, alice.seqs()[-1] + 1))
    await world.rest_message(room, "after all")
    await alices[1].until(lambda c: c.of("message")[-1]["content"] == "after all")
    for bob in bobs:
        assert bob.seqs() == list(range(1, removed + 1))
        assert bob.received[-2][1]["changes"] == {"removed": ["bob"]}
        assert bob.received[-1] == left(room, "removed")
        assert code(await bob.join(room, after=0)) == "not_found"


async def test_a_member_who_may_only_read_types_and_writes_nothing_from_that_number_on(world):
    room = await world.conversation(members=["bob"])
    bobs = await sockets(world, "bob", room)
    changed, answers = await meanwhile(world, room, bobs, set_access(world, room, "bob", "read"))
    assert {code(one) for one in answers if not one["ok"]} <= {"forbidden"}
    assert all(one["message"]["seq"] < changed for one in answers if one["ok"])
    for bob in bobs:
        await bob.until(lambda c: bool(c.of("message")) and c.of("message")[-1]["content"] == "later")
        assert bob.seqs() == list(range(1, bob.seqs()[-1] + 1))
        assert code(await bob.call("typing", {"conversationId": room, "typing": True})) == "forbidden"
    await set_access(world, room, "bob", "write")
    await bobs[0].until(lambda c: len(c.of("conversation_changed")) == 2)
    assert (await bobs[0].call("message", said(room, "again")))["ok"]


@pytest.mark.parametrize("end", ["removed", "leaves", "reads", "deleted"])
async def test_typing_ends_with_the_right_to_type(world, monkeypatch, end):
    monkeypatch.setattr(typing_module, "TYPING_S", 60)
    room = await world.conversation(members=["bob", "carol"])
    carols, (bob, _) = await sockets(world, "carol", room), await sockets(world, "bob", room)
    assert (await bob.call("typing", {"conversationId": room, "typing": True}))["ok"]
    for carol in carols:
        await carol.until(lambda c: len(c.of("typing")) == 1)
    if end == "reads":
        await set_access(world, room, "bob", "read")
    elif end == "deleted":
        await world.rest.delete_conversation(room, caller=ALICE)
    else:
        await remove(world, room, "bob", by="bob" if end == "leaves" else "alice")
    for carol in carols:
        if end == "deleted":
            await carol.until(lambda c: c.received[-1] == left(room, "deleted"))
        else:
            await carol.until(lambda c: [one["typing"] for one in c.of("typing")] == [True, False])


async def test_typing_on_the_bus_is_shown_of_participants_alone(world):
    room = await world.conversation(members=["bob", "rob"])
    await remove(world, room, "rob")
    alice, _ = await sockets(world, "alice", room)

    async def shown(*uids: str, last: str) -> list[str]:
        """Whose typing alice's socket gets of these, each published by an instance that there is not."""
        for uid in (*uids, last):
            state = TypingState(conversation_id=room, user_id=uid, typing=True)
            event = Typing(conversation_id=room, data=state, origin="i9", at=datetime.now(UTC))
            await world.function.publisher.publish(event)
        await alice.until(lambda c: bool(c.of("typing")) and c.of("typing")[-1]["userId"] == last)
        return [state["userId"] for state in alice.of("typing")]

    assert await shown("eve", "rita", "rob", last="bob") == ["bob"]
    await set_access(world, room, "rita", "read")
    await remove(world, room, "bob")
    await alice.until(lambda c: len(c.of("conversation_changed")) == 2)
    alice.received.clear()
    assert await shown("eve", "bob", last="rita") == ["rita"]


async def test_a_new_member_reads_the_whole_log_and_a_new_owner_owns_it(world):
    room = await world.conversation()
    await world.rest_message(room, "before")
    stranger = await world.client("bob", 1)
    assert code(await stranger.join(room)) == "not_found"
    await set_access(world, room, "bob", "read")
    ack = await stranger.join(room, after=0)
    assert [one["kind"] for one in ack["entries"]] == ["message", "conversation_changed"]
    alices = await sockets(world, "alice", room)
    await update(world, room, owner="bob")
    for client in (*alices, stranger):
        await client.until(lambda c: bool(c.of("conversation_changed")))
        (entry,) = client.of("conversation_changed")
        assert entry["changes"] == {"owner": True}
        assert (entry["conversation"]["owner"], entry["conversation"]["members"]) == (
            "bob",
            [{"userId": "alice", "access": "write"}],
        )
        assert entry["conversation"]["realtimeUrl"] == ack["conversation"]["realtimeUrl"] != ""
    assert await remove(world, room, "alice", by="bob") == 4
    for alice in alices:
        await alice.until(lambda c: c.received[-1] == left(room, "removed"))
        assert alice.seqs() == [3, 4]


@BUS
async def test_everyone_is_told_that_a_conversation_is_deleted(world, bus):
    room = await world.conversation(members=["bob"])
    everyone = await sockets(world, "alice", room) + await sockets(world, "bob", room)
    await weather(world, bus)
    await world.rest.delete_conversation(room, caller=ALICE)
    for client in everyone:
        await client.until(lambda c: c.received == [left(room, "deleted")])
        assert code(await client.join(room)) == "not_found"


@BUS
async def test_an_erased_user_s_messages_are_empty_for_everyone(world, bus):
    room = await world.conversation(members=["bob"])
    alices, bobs = await sockets(world, "alice", room), await sockets(world, "bob", room)
    for n in (1, 2):
        assert (await bobs[0].call("message", said(room, f"words {n}")))["ok"]
    await weather(world, bus)
    assert (await world.rest.eraser.erase("bob")).done
    for alice in alices:
        await alice.until(lambda c: bool(c.of("erased")))
        assert alice.of("erased") == [{"conversationId": room, "erasures": 1, "seqs": [1, 2]}]
        await alice.until(lambda c: c.seqs() == [1, 2, 3])
        for after in ({}, {"after": 0}):
            ack = await alice.call("join", {"conversationId": room} | after)
            assert ack["conversation"]["erasures"] == 1
            assert [one["content"] for one in ack.get("messages", ack.get("entries", [])[:2])] == ["", ""]
            assert "words" not in str(ack)
            assert "bob" not in str(ack)
    for bob in bobs:
        await bob.until(lambda c: c.received[-1] == left(room, "removed"))


async def test_who_lags_behind_the_removal_gets_nothing_later_than_it(world, monkeypatch):
    room = await world.conversation(members=["bob", "carol", "dora"])
    await world.rest_message(room, "one")
    (_, bob), (_, carol) = await sockets(world, "bob", room), await sockets(world, "carol", room)
    reads, behind = asyncio.Event(), world.adapters[1].store
    entries = behind.entries

    async def late(*wanted: Any) -> Any:
        await reads.wait()
        return await entries(*wanted)

    monkeypatch.setattr(behind, "entries", late)
    await edit(world, room, 1, "edited")  # 2
    await world.rest_message(room, "three")
    await update(world, room, title="four")
    removed = await remove(world, room, "bob")
    await edit(world, room, 1, "edited later")  # 6
    await edit(world, room, 3, "three, later")  # 7
    await update(world, room, title="eight")
    dora = await world.client("dora", 0, room, after=0)
    await dora.call("message", said(room, "dora's"))  # 9
    assert (await world.rest.eraser.erase("dora")).done
    sweeps = world.containers[1].rooms.sweeps
    while world.containers[1].rooms.sweeps < sweeps + 2:
        await asyncio.sleep(0.05)
    assert (bob.received, carol.received) == ([], [])
    reads.set()
    await carol.until(lambda c: c.seqs() == list(range(2, 11)) and bool(c.of("erased")))
    by_number = {entry["seq"]: entry for _, entry in carol.received if "seq" in entry}
    assert by_number[2]["message"]["content"] == "edited later"
    assert (by_number[3]["content"], by_number[4]["conversation"]["title"]) == ("three, later", "eight")
    assert bob.seqs() == [2, 3, 4, removed]
    assert bob.received[-1] == left(room, "removed")
    two, three, four, five = (entry for _, entry in bob.received[:-1])
    assert (two["message"], four["conversation"], five["conversation"]) == (None, None, None)
    assert (three["content"], three["version"], three["editedAt"]) == ("", 3, None)
