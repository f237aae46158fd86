"""What every bus promises: the in-memory twin, our emulator, and Google's.

An event only says where to look, so the suite demands what the rooms rely on: delivery at least
once, to every subscription, and recovery without help after any failure of the bus.
"""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from google.api_core.exceptions import NotFound
from google.pubsub_v1 import SubscriberAsyncClient
from google.pubsub_v1 import Subscription as SubscriptionConfig

from confab import trace
from confab.domain.errors import Unavailable
from confab.domain.events import Event, decode_event, deletion_of, erasure_of, event_of
from tests.support.conformance import event_document
from tests.support.pubsub import PubSubServer, google_emulator_jar
from tests.support.pubsub_backends import Listener, MemoryBackend, PubSubBackend, arrives, events, typing
from tests.support.samples import NOW, edited, finalized, message, renamed

pytestmark = pytest.mark.asyncio(loop_scope="module")

DOCUMENT = event_document()
ACK_DEADLINE_S = 10

ON_PUBSUB = pytest.mark.parametrize("bus", ["local", "google"], indirect=True)


@pytest_asyncio.fixture(loop_scope="module", scope="module", autouse=True)
async def redeliveries(emulator) -> dict[PubSubServer, asyncio.Task[None]]:
    """Waits for the end of a lease on each emulator, beside the other tests."""
    kinds = ("local", *(["google"] if isinstance(google_emulator_jar(), Path) else []))
    servers = [await emulator(kind) for kind in kinds]
    return {server: asyncio.create_task(redelivered(PubSubBackend(server))) for server in servers}


async def redelivered(bus: PubSubBackend) -> None:
    """Three in one, since each would wait for the deadline: an event, garbage, and a message left alone."""
    (event,) = events(1)
    listener, publisher = Listener(bus.subscription()), bus.publisher()
    await listener.until(lambda: listener.subscription.connected)
    async with bus.raw() as client:
        name = await bus.subscribed(client, ack_deadline_seconds=ACK_DEADLINE_S)
        await publisher.publish(event)
        await bus.put(b"garbage")
        first = await pull(client, name)
        leased_at = asyncio.get_running_loop().time()
        first += await pull(client, name) if len(first) < 2 else []
        await client.acknowledge(
            subscription=name, ack_ids=[each.ack_id for each in first if each.message.data == b"garbage"]
        )
        again: list[Any] = []
        async with asyncio.timeout(ACK_DEADLINE_S + 30):
            while not again:
                again = await pull(client, name)
        assert asyncio.get_running_loop().time() - leased_at > ACK_DEADLINE_S - 1
        await client.acknowledge(subscription=name, ack_ids=[each.ack_id for each in again])
    assert [decode_event(each.message.data) for each in again] == [event]
    await asyncio.sleep(1)
    assert listener.events == [event]
    assert listener.subscription.undecodable == 1
    await asyncio.gather(listener.close(), publisher.close())


def every_type() -> list[Event]:
    return [
        *(event_of(entry, origin="i2") for entry in (message(1), renamed(2), edited(3), finalized(4))),
        deletion_of("c1", origin="i2", at=NOW),
        erasure_of("alice", origin="i2", at=NOW),
        typing(),
    ]


async def test_every_event_reaches_every_subscription_that_is_open(listen, publisher):
    listeners = [await listen(), await listen()]
    sent = events(100)
    await asyncio.gather(*map(publisher.publish, sent))
    for listener in listeners:
        await listener.got(*sent)


async def test_every_type_of_event_arrives_as_it_was_published(listener, publisher):
    sent = every_type()
    for event in sent:
        await publisher.publish(event)
    await listener.got(*sent)
    assert {type(event) for event in listener.events} == {type(event) for event in sent}


async def test_an_instance_receives_the_entries_of_others_and_the_typing_of_all(bus, listener, publisher):
    """Google's emulator does not filter: it may bring an entry back, which does no harm."""
    own = event_of(message(1), origin="mine")
    others = [event_of(message(2), origin="other"), typing().model_copy(update={"origin": "mine"})]
    for event in (own, *others):
        await publisher.publish(event)
    await listener.got(*others)
    if isinstance(bus, MemoryBackend) or bus.server.filters:
        assert own not in listener.events


async def test_a_message_that_is_no_event_is_counted_and_skipped(bus, listener, publisher):
    garbage = [b"not json", b'{"v":2}', b"[]", b"\xff\xfe", b'{"type":"message.created"}']
    for data in garbage:
        await bus.put(data)
    (event,) = events(1)
    await publisher.publish(event)
    await listener.got(event)
    await listener.until(lambda: listener.subscription.undecodable >= len(garbage))
    assert set(map(type, listener.events)) == {type(event)}


async def test_a_closed_subscription_gets_nothing_and_ends_its_iteration(listen, publisher):
    closed, open_one = await listen(), await listen()
    await closed.close()
    await closed.close()
    assert closed.reading.done()
    assert not closed.subscription.connected
    (event,) = events(1)
    await publisher.publish(event)
    await open_one.got(event)
    assert closed.events == []
    assert [event async for event in closed.subscription.events()] == []


@pytest.mark.parametrize("bus", ["memory", "local"], indirect=True)
async def test_publishing_without_a_bus_is_unavailable_within_the_deadline(bus):
    publisher = bus.publisher_without_bus()
    async with asyncio.timeout(10):
        with pytest.raises(Unavailable):
            await publisher.publish(typing())
    await publisher.close()


async def test_a_publisher_that_closes_sends_its_queue_and_then_is_unavailable(listener, publisher):
    sent = events(20)
    publishing = [asyncio.create_task(publisher.publish(event)) for event in sent]
    await asyncio.sleep(0)
    await publisher.close()
    await asyncio.gather(*publishing)
    await listener.got(*sent)
    with pytest.raises(Unavailable):
        await publisher.publish(typing())


async def pull(client: SubscriberAsyncClient, name: str) -> list[Any]:
    """The messages of one pull; a server may respond with none after a while."""
    response = await client.pull(subscription=name, max_messages=10, timeout=15, retry=None)
    return list(response.received_messages)


@ON_PUBSUB
async def test_a_message_carries_its_event_and_attributes_as_documented(bus, publisher):
    sent, within = every_type(), trace.fresh()
    received: list[Any] = []
    async with bus.raw() as client:
        name = await bus.subscribed(client)
        with trace.Entered(within):
            await asyncio.gather(*map(publisher.publish, sent))
        async with asyncio.timeout(15):
            while len(received) < len(sent):
                received += await pull(client, name)
    carried, ids = {}, []
    for each in received:
        attributes, payload = dict(each.message.attributes), json.loads(each.message.data)
        carried[attributes["type"]] = decode_event(each.message.data)
        DOCUMENT.check(attributes["type"], payload, attributes)
        assert DOCUMENT.which("bus", payload) == [attributes["type"]]
        assert attributes.get("conversationId") == payload["conversationId"]
        assert attributes[trace.HEADER] == str(within)
        cloud = {name: attributes[f"ce-{name}"] for name in ("type", "source", "id", "time")}
        about = "me" if payload["conversationId"] is None else f"conversations/{payload['conversationId']}"
        assert (cloud["type"], cloud["source"]) == (payload["type"], f"/api/{about}")
        assert cloud["time"] == payload["at"]
        assert payload["seq"] is None or cloud["id"] == f"{payload['conversationId']}/{payload['seq']}"
        ids.append(cloud["id"])
        assert attributes.get("origin", payload["origin"]) == payload["origin"]
    assert carried == {event.type: event for event in sent}
    assert carried.keys() == DOCUMENT.content["channels"]["bus"]["messages"].keys()
    assert len(set(ids)) == len(sent)


@ON_PUBSUB
async def test_a_subscription_expires_after_a_day_keeps_ten_minutes_and_is_deleted_when_closed(bus, listener):
    name = listener.subscription.name
    async with bus.raw() as client:
        found = SubscriptionConfig.pb(await client.get_subscription(subscription=name))
        assert found.topic == bus.topic_name
        assert found.expiration_policy.ttl.seconds == 86_400
        assert found.message_retention_duration.seconds == 600
        await listener.close()
        with pytest.raises(NotFound):
            await client.get_subscription(subscription=name)


@ON_PUBSUB
async def test_a_subscription_that_was_deleted_is_created_again(bus, listener, publisher):
    async with bus.raw() as client:
        await client.delete_subscription(subscription=listener.subscription.name)
    await arrives(listener, publisher)


@ON_PUBSUB
async def test_a_message_is_redelivered_after_the_ack_deadline_unless_it_is_acknowledged(bus, redeliveries):
    await redeliveries[bus.server]


@ON_PUBSUB
async def test_both_sides_survive_a_bus_that_was_killed_and_lost_everything(bus, listener, publisher):
    (event,) = events(1)
    await publisher.publish(event)
    await listener.got(event)
    await bus.server.kill()
    await listener.until(lambda: not listener.subscription.connected)
    with pytest.raises(Unavailable):
        await publisher.publish(event)
    await bus.server.start()
    await arrives(listener, publisher)
    assert listener.subscription.connected
