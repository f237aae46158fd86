"""Rooms over real sockets: two instances, a SurrealDB server and a Pub/Sub emulator."""

import asyncio

import pytest

from confab.realtime import typing as typing_module


async def test_every_socket_on_both_instances_gets_each_entry_once(world):
    room = await world.conversation(members=["bob"])
    alice, bob = await world.client("alice", 0), await world.client("bob", 1)
    for client in (alice, bob):
        ack = await client.join(room)
        assert (ack["ok"], ack["messages"], ack["hasMore"]) == (True, [], False)
        assert ack["conversation"]["id"] == room
    sent = await alice.call("message", {"conversationId": room, "content": "hello"})
    assert sent["ok"]
    await world.rest_message(room, "from a function")
    await world.rest_finalize(room)
    for client in (alice, bob):
        await client.until(lambda c: c.seqs() == [1, 2, 3])
        assert client.of("message")[0] == sent["message"]
        (finalized,) = client.of("finalized")
        assert (finalized["conversationId"], finalized["seq"]) == (room, 3)
    ack = await (await world.client("alice", 0)).join(room, after=3)
    assert (ack["conversation"]["status"], ack["messages"], ack["hasMore"]) == ("finalized", [], False)


async def test_a_hundred_concurrent_messages_arrive_once_and_in_order(world):
    room = await world.conversation(members=["bob"])
    alice, bob = await world.client("alice", 0, room), await world.client("bob", 1, room)
    await asyncio.gather(
        *(alice.call("message", {"conversationId": room, "content": f"a{n}"}) for n in range(35)),
        *(bob.call("message", {"conversationId": room, "content": f"b{n}"}) for n in range(35)),
        *(world.rest_message(room, f"r{n}") for n in range(30)),
    )
    for client in (alice, bob):
        await client.until(lambda c: len(c.seqs()) >= 100)
        assert client.seqs() == list(range(1, 101))
    assert [m["content"] for m in alice.of("message")] == [m["content"] for m in bob.of("message")]


async def test_a_join_while_entries_arrive_has_no_gap_and_no_duplicate(world):
    room = await world.conversation(members=[f"joiner-{n}" for n in range(12)])
    alice = await world.client("alice", 0, room)
    writing = asyncio.gather(*(world.rest_message(room, str(n)) for n in range(80)))
    joiners = []
    for index in range(12):
        joiner = await world.client(f"joiner-{index}", index % 2)
        ack = await joiner.join(room, after=0)
        while ack["hasMore"]:
            ack = await joiner.join(room, after=ack["messages"][-1]["seq"])
        seen = ack["messages"][-1]["seq"] if ack["messages"] else 0
        joiners.append((joiner, seen))
    await writing
    await alice.until(lambda c: len(c.seqs()) >= 80)
    for joiner, seen in joiners:
        await joiner.until(lambda c, seen=seen: seen + len(c.seqs()) >= 80)
        assert joiner.seqs() == list(range(seen + 1, 81))


async def test_a_lost_event_is_read_from_the_store(world):
    room = await world.conversation(members=["bob"])
    bob = await world.client("bob", 1, room)
    await world.rest_message(room, "unannounced", announce=False)
    await world.rest_message(room, "announced")
    await bob.until(lambda c: c.seqs() == [1, 2], within=1.5)


@pytest.mark.parametrize("end", ["stop", "silence", "leave", "disconnect"])
async def test_other_users_on_both_instances_see_typing_start_and_end(world, monkeypatch, end):
    monkeypatch.setattr(typing_module, "TYPING_S", 0.5 if end == "silence" else 60)
    room = await world.conversation(members=["bob"])
    alice, other_tab = await world.client("alice", 0, room), await world.client("alice", 1, room)
    bobs = [await world.client("bob", 0, room), await world.client("bob", 1, room)]
    assert await alice.call("typing", {"conversationId": room, "typing": True}) == {"ok": True}
    shown = {"conversationId": room, "userId": "alice", "typing": True}
    for bob in bobs:
        await bob.until(lambda c: c.of("typing") == [shown])
    if end == "stop":
        await alice.call("typing", {"conversationId": room, "typing": False})
    elif end == "leave":
        await alice.call("leave", {"conversationId": room})
    elif end == "disconnect":
        await alice.close()
    for bob in bobs:
        await bob.until(lambda c: c.of("typing") == [shown, shown | {"typing": False}], within=3)
    assert alice.of("typing") == other_tab.of("typing") == []
