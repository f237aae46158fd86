"""Rooms over real sockets: two instances, a SurrealDB server and a Pub/Sub emulator."""

import asyncio

import pytest

from confab.realtime import typing as typing_module
from tests.support.clients import code


async def test_both_instances_tell_everyone_once(world):
    room = await world.conversation(members=["bob"])
    alice, bob = await world.client("alice", 0), await world.client("bob", 1)
    for client in (alice, bob):
        ack = await client.join(room)
        assert (ack["ok"], ack["messages"], ack["hasMore"]) == (True, [], False)
        assert ack["conversation"]["id"] == room
    sent = await alice.call("message", {"conversationId": room, "content": "hello"})
    assert sent["ok"]
    for client in (alice, bob):
        await client.until(lambda c: c.seqs() == [1])
        assert client.of("message") == [sent["message"]]


async def test_what_a_function_writes_reaches_the_sockets_of_both(world):
    room = await world.conversation(members=["bob"])
    clients = [await world.client("alice", 0, room), await world.client("bob", 1, room)]
    await world.rest_message(room, "from a function")
    await world.rest_finalize(room)
    for client in clients:
        await client.until(lambda c: c.seqs() == [1, 2])
        finalized = client.of("finalized")[0]
        assert (finalized["conversationId"], finalized["seq"]) == (room, 2)
        assert set(finalized) == {"conversationId", "seq", "finalizedAt"}


async def test_a_hundred_at_once_from_everywhere_come_once_and_in_order(world):
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


async def test_a_socket_sends_in_its_own_order(world):
    room = await world.conversation()
    alice = await world.client("alice", 0, room)
    await asyncio.gather(
        *(alice.call("message", {"conversationId": room, "content": str(n)}) for n in range(20))
    )
    assert [m["content"] for m in alice.of("message")] == [str(n) for n in range(20)]


async def test_joining_while_entries_flow_leaves_no_gap_and_no_repeat(world):
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


async def test_a_long_log_is_paged_through_before_a_socket_is_live(world):
    room = await world.conversation()
    for number in range(120):
        await world.rest_message(room, str(number))
    alice = await world.client("alice", 0)
    ack = await alice.join(room, after=0)
    assert (len(ack["messages"]), ack["hasMore"]) == (50, True)
    await world.rest_message(room, "not live yet")
    ack = await alice.join(room, after=50)
    assert ack["hasMore"]
    ack = await alice.join(room, after=100)
    assert ([m["seq"] for m in ack["messages"]], ack["hasMore"]) == (list(range(101, 122)), False)
    await world.rest_message(room, "live")
    await alice.until(lambda c: c.seqs() == [122])
    newest = await (await world.client("alice", 1)).join(room)
    assert (newest["messages"][0]["seq"], newest["hasMore"]) == (73, True)


async def test_a_finalized_conversation_says_so_when_joined(world):
    room = await world.conversation()
    await world.rest_message(room, "one")
    await world.rest_finalize(room)
    alice = await world.client("alice", 0)
    ack = await alice.join(room, after=2)
    assert (ack["conversation"]["status"], ack["messages"], ack["hasMore"]) == ("finalized", [], False)
    assert code(await alice.call("message", {"conversationId": room, "content": "x"})) == (
        "conversation_finalized"
    )


async def test_with_the_bus_down_entries_arrive_within_five_seconds(world):
    room = await world.conversation(members=["bob"])
    bob = await world.client("bob", 1, room)
    await world.silence_bus()
    await world.rest_message(room, "unannounced")
    await bob.until(lambda c: c.seqs() == [1], within=5)


async def test_a_lost_event_is_read_from_the_store(world):
    room = await world.conversation(members=["bob"])
    bob = await world.client("bob", 1, room)
    await world.rest_message(room, "unannounced", announce=False)
    await world.rest_message(room, "announced")
    await bob.until(lambda c: c.seqs() == [1, 2], within=1.5)


async def test_typing_is_shown_to_other_users_only(world):
    room = await world.conversation(members=["bob"])
    alice, other_tab = await world.client("alice", 0, room), await world.client("alice", 1, room)
    bob, far_bob = await world.client("bob", 0, room), await world.client("bob", 1, room)
    assert await alice.call("typing", {"conversationId": room, "typing": True}) == {"ok": True}
    shown = {"conversationId": room, "userId": "alice", "typing": True}
    for client in (bob, far_bob):
        await client.until(lambda c: c.of("typing") == [shown])
    await alice.call("typing", {"conversationId": room, "typing": False})
    for client in (bob, far_bob):
        await client.until(lambda c: c.of("typing") == [shown, shown | {"typing": False}])
    assert alice.of("typing") == other_tab.of("typing") == []


@pytest.mark.parametrize("end", ["silence", "leave", "disconnect"])
async def test_typing_ends(world, monkeypatch, end):
    monkeypatch.setattr(typing_module, "TYPING_S", 0.5)
    room = await world.conversation(members=["bob"])
    alice = await world.client("alice", 0, room)
    bobs = [await world.client("bob", 0, room), await world.client("bob", 1, room)]
    if end != "silence":
        monkeypatch.setattr(typing_module, "TYPING_S", 60)
    await alice.call("typing", {"conversationId": room, "typing": True})
    for bob in bobs:
        await bob.until(lambda c: len(c.of("typing")) == 1)
    if end == "leave":
        await alice.call("leave", {"conversationId": room})
    elif end == "disconnect":
        await alice.close()
    for bob in bobs:
        await bob.until(lambda c: [t["typing"] for t in c.of("typing")] == [True, False], within=3)


async def test_who_left_hears_nothing_more(world):
    room = await world.conversation(members=["bob"])
    alice, bob = await world.client("alice", 0, room), await world.client("bob", 0, room)
    assert await bob.call("leave", {"conversationId": room}) == {"ok": True}
    await alice.call("message", {"conversationId": room, "content": "x"})
    await alice.until(lambda c: c.seqs() == [1])
    await world.settled()
    assert bob.seqs() == []
    assert await bob.call("leave", {"conversationId": room}) == {"ok": True}
