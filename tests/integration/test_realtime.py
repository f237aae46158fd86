"""Rooms over real sockets: two instances, a SurrealDB server and a Pub/Sub emulator."""

import asyncio
import time

import pytest

from confab.realtime import typing as typing_module
from tests.support.telemetry import Collected


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
    assert (ack["conversation"]["status"], ack["entries"], ack["hasMore"]) == ("finalized", [], False)


async def test_a_join_while_entries_arrive_has_no_gap_and_no_duplicate(world):
    room = await world.conversation(members=[f"joiner-{n}" for n in range(12)])
    alice = await world.client("alice", 0, room)
    writing = asyncio.gather(*(world.rest_message(room, str(n)) for n in range(80)))
    joiners = []
    for index in range(12):
        transports = ("polling",) if index > 8 else ("websocket",)
        joiner = await world.client(f"joiner-{index}", index % 2, transports=transports)
        ack = await joiner.join(room, after=0)
        while ack["hasMore"]:
            ack = await joiner.join(room, after=ack["entries"][-1]["seq"])
        seen = ack["entries"][-1]["seq"] if ack["entries"] else 0
        joiners.append((joiner, seen))
    await writing
    await alice.until(lambda c: len(c.seqs()) >= 80)
    for joiner, seen in joiners:
        await joiner.until(lambda c, seen=seen: seen + len(c.seqs()) >= 80)
        assert joiner.seqs() == list(range(seen + 1, 81))


async def test_an_upgrade_while_entries_arrive_has_no_gap_and_no_duplicate(world):
    room = await world.conversation()
    writing = asyncio.gather(*(world.rest_message(room, str(n)) for n in range(60)))
    alice = await world.client("alice", 0, room, transports=("polling", "websocket"))
    await writing
    seen = alice.of("joined")[0]["conversation"]["seq"]
    await alice.until(lambda c: seen + len(c.seqs()) >= 60)
    assert alice.seqs() == list(range(seen + 1, 61))
    assert alice.sio.transport() == "websocket"


@pytest.mark.parametrize("kind", ["websocket", "polling"])
async def test_sends_of_a_socket_do_not_wait_for_each_other_and_keep_their_order(world, kind):
    room = await world.conversation()
    alice = await world.client("alice", 0, room, transports=(kind,))
    began = time.monotonic()
    with world.slow_appends(0, 0.15):
        sends = (alice.call("message", {"conversationId": room, "content": str(n)}) for n in range(60))
        acks = await asyncio.gather(*sends)
    assert [ack["message"]["content"] for ack in acks] == [str(n) for n in range(60)]
    assert [ack["message"]["seq"] for ack in acks] == list(range(1, 61))
    assert time.monotonic() - began < 60 * 0.15 / 3


async def test_lost_events_are_read_from_the_store_and_counted(world):
    room = await world.conversation(members=["bob"])
    bob, collected = await world.client("bob", 1, room), Collected()
    world.containers[1]._count(collected.telemetry)
    await world.rest_message(room, "lost by the bus", announce=False)
    await world.rest_message(room, "over the bus")
    await bob.until(lambda c: c.seqs() == [1, 2])
    await world.rest_message(room, "lost as well", announce=False)
    await bob.until(lambda c: c.seqs() == [1, 2, 3])
    counted = {name: point.value for name, point in collected.metrics().items()}
    assert 0 <= counted.pop("confab.bus.lag") < 5
    assert counted.pop("confab.sweeps") >= 1
    counts = {"deliveries": 3, "gaps.filled": 1, "sockets": 1, "rooms": 1}
    assert counted == {f"confab.{name}": count for name, count in counts.items()}


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
        await bob.until(lambda c: c.of("typing") == [shown, shown | {"typing": False}])
    assert alice.of("typing") == other_tab.of("typing") == []
