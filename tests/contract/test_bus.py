"""What every bus promises: the in-memory twin, our emulator, and Google's.

Events are a hint, so the suite asks for what the rooms rely on: at least once, everywhere,
and back by itself after whatever happened to the bus.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from google.api_core.exceptions import NotFound
from google.pubsub_v1 import SubscriberAsyncClient
from google.pubsub_v1 import Subscription as SubscriptionConfig

from confab.bus.client import Endpoint
from confab.bus.subscription import PubSubSubscription
from confab.domain.errors import Unavailable
from confab.domain.events import decode_event, event_of
from confab.ports import Publisher
from tests.support.pubsub import PubSubServer, google_emulator_jar, google_pubsub_server, pubsub_server
from tests.support.pubsub_backends import (
    PROJECT,
    Backend,
    Listener,
    MemoryBackend,
    PubSubBackend,
    arrives,
    events,
    typing,
)
from tests.support.samples import finalized, message

pytestmark = pytest.mark.asyncio(loop_scope="module")

ACK_DEADLINE_S = 10

Emulator = Callable[[str], Awaitable[PubSubServer]]
Listen = Callable[[Backend], Awaitable[Listener]]
Publish = Callable[[Backend], Publisher]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def emulator() -> AsyncIterator[Emulator]:
    """Gives the emulator of a kind, which is started once."""
    async with AsyncExitStack() as ends:
        running: dict[str, PubSubServer] = {}

        async def emulator(kind: str) -> PubSubServer:
            if kind not in running:
                running[kind] = await ends.enter_async_context(_emulator(kind))
            return running[kind]

        yield emulator


def _emulator(kind: str) -> AbstractAsyncContextManager[PubSubServer]:
    if kind == "local":
        return pubsub_server()
    jar = google_emulator_jar()
    if not isinstance(jar, Path):
        pytest.skip(jar)
    return google_pubsub_server(jar)


@pytest_asyncio.fixture(loop_scope="module", scope="module", params=["local", "google"])
async def server(request: pytest.FixtureRequest, emulator: Emulator) -> PubSubServer:
    return await emulator(request.param)


@pytest_asyncio.fixture(loop_scope="module", scope="module", params=["memory", "local", "google"])
async def server_or_none(request: pytest.FixtureRequest, emulator: Emulator) -> PubSubServer | None:
    return None if request.param == "memory" else await emulator(request.param)


@pytest.fixture
def pubsub(server: PubSubServer) -> PubSubBackend:
    return PubSubBackend(server)


@pytest.fixture
def backend(server_or_none: PubSubServer | None) -> Backend:
    return MemoryBackend() if server_or_none is None else PubSubBackend(server_or_none)


@pytest_asyncio.fixture(loop_scope="module")
async def cleanup() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
def listen(cleanup: AsyncExitStack) -> Listen:
    async def listen(backend: Backend) -> Listener:
        listener = Listener(backend.subscription())
        cleanup.push_async_callback(listener.close)
        await listener.until(lambda: listener.subscription.connected)
        return listener

    return listen


@pytest.fixture
def publisher(cleanup: AsyncExitStack) -> Publish:
    def publisher(backend: Backend) -> Publisher:
        made = backend.publisher()
        cleanup.push_async_callback(made.close)
        return made

    return publisher


async def test_every_event_reaches_every_subscription_that_is_open(
    backend: Backend, listen: Listen, publisher: Publish
) -> None:
    listeners = [await listen(backend), await listen(backend)]
    sender = publisher(backend)
    sent = events(100)
    await asyncio.gather(*(sender.publish(event) for event in sent))
    for listener in listeners:
        await listener.got(*sent)


async def test_every_type_of_event_arrives_as_it_was_published(
    backend: Backend, listen: Listen, publisher: Publish
) -> None:
    listener = await listen(backend)
    sent = [event_of(message(1), origin="i2"), event_of(finalized(2), origin="i2"), typing()]
    sender = publisher(backend)
    for event in sent:
        await sender.publish(event)
    await listener.got(*sent)
    assert {type(event) for event in listener.events} == {type(event) for event in sent}


async def test_a_process_hears_others_entries_and_everybody_s_typing(
    server_or_none: PubSubServer | None, backend: Backend, listen: Listen, publisher: Publish
) -> None:
    """Google's emulator does not filter: it may bring an entry back, which does no harm."""
    listener = await listen(backend)
    own = event_of(message(1), origin="mine")
    others = [event_of(message(2), origin="other"), typing().model_copy(update={"origin": "mine"})]
    sender = publisher(backend)
    for event in (own, *others):
        await sender.publish(event)
    await listener.got(*others)
    if server_or_none is None or server_or_none.filters:
        assert own not in listener.events


async def test_what_is_no_event_is_counted_and_left_out(
    backend: Backend, listen: Listen, publisher: Publish
) -> None:
    listener = await listen(backend)
    garbage = [b"not json", b'{"v":2}', b"[]", b"\xff\xfe", b'{"type":"message.created"}']
    for data in garbage:
        await backend.put(data)
    (event,) = events(1)
    await publisher(backend).publish(event)
    await listener.got(event)
    await listener.until(lambda: listener.subscription.undecodable >= len(garbage))
    assert set(map(type, listener.events)) == {type(event)}


async def test_a_closed_subscription_gets_nothing_and_ends_its_iteration(
    backend: Backend, listen: Listen, publisher: Publish
) -> None:
    closed, open_one = await listen(backend), await listen(backend)
    await closed.close()
    assert closed.reading.done()
    assert not closed.subscription.connected
    (event,) = events(1)
    await publisher(backend).publish(event)
    await open_one.got(event)
    assert closed.events == []
    assert [event async for event in closed.subscription.events()] == []


async def test_closing_twice_is_harmless(backend: Backend, listen: Listen) -> None:
    listener = await listen(backend)
    await listener.close()
    await listener.close()


async def test_publishing_without_a_bus_is_unavailable_within_the_deadline(
    backend: Backend, cleanup: AsyncExitStack
) -> None:
    sender = backend.publisher_without_bus()
    cleanup.push_async_callback(sender.close)
    async with asyncio.timeout(3):
        with pytest.raises(Unavailable):
            await sender.publish(typing())


async def test_a_closed_publisher_is_unavailable(backend: Backend, publisher: Publish) -> None:
    sender = publisher(backend)
    await sender.close()
    with pytest.raises(Unavailable):
        await sender.publish(typing())


async def test_a_publisher_that_closes_sends_what_is_waiting(backend: Backend, listen: Listen) -> None:
    listener = await listen(backend)
    sender = backend.publisher()
    sent = events(20)
    publishing = [asyncio.create_task(sender.publish(event)) for event in sent]
    await asyncio.sleep(0)
    await sender.close()
    await asyncio.gather(*publishing)
    await listener.got(*sent)


def name_of(listener: Listener) -> str:
    assert isinstance(listener.subscription, PubSubSubscription)
    return listener.subscription.name


async def raw_subscription(client: SubscriberAsyncClient, backend: PubSubBackend, **fields: Any) -> str:
    await Endpoint(backend.server.host).create_topic(backend.topic_name, timeout=5)
    name = f"projects/{PROJECT}/subscriptions/raw-{uuid.uuid4().hex}"
    await client.create_subscription(SubscriptionConfig(name=name, topic=backend.topic_name, **fields))
    return name


async def pull(client: SubscriberAsyncClient, name: str) -> list[Any]:
    """What one pull gives; a server may answer an empty one after a while."""
    response = await client.pull(subscription=name, max_messages=10, timeout=15, retry=None)
    return list(response.received_messages)


async def test_a_message_carries_the_event_and_its_attributes(
    pubsub: PubSubBackend, publisher: Publish
) -> None:
    (event,) = events(1)
    async with pubsub.raw() as client:
        name = await raw_subscription(client, pubsub)
        await publisher(pubsub).publish(event)
        (received,) = await pull(client, name)
    assert dict(received.message.attributes) == {
        "type": "message.created",
        "conversationId": "c1",
        "origin": "i1",
    }
    assert decode_event(received.message.data) == event


async def test_a_publisher_makes_the_topic_that_an_emulator_lacks(
    pubsub: PubSubBackend, publisher: Publish
) -> None:
    await publisher(pubsub).publish(typing())
    async with Endpoint(pubsub.server.host).publisher() as client:
        assert (await client.get_topic(topic=pubsub.topic_name)).name == pubsub.topic_name


async def test_a_closed_subscription_is_deleted(pubsub: PubSubBackend, listen: Listen) -> None:
    listener = await listen(pubsub)
    async with pubsub.raw() as client:
        found = await client.get_subscription(subscription=name_of(listener))
        assert found.topic == pubsub.topic_name
        await listener.close()
        with pytest.raises(NotFound):
            await client.get_subscription(subscription=name_of(listener))


async def test_a_subscription_expires_after_a_day_and_keeps_ten_minutes(
    pubsub: PubSubBackend, listen: Listen
) -> None:
    listener = await listen(pubsub)
    async with pubsub.raw() as client:
        found = SubscriptionConfig.pb(await client.get_subscription(subscription=name_of(listener)))
    assert found.expiration_policy.ttl.seconds == 86_400
    assert found.message_retention_duration.seconds == 600


async def test_a_subscription_that_somebody_deleted_is_made_again(
    pubsub: PubSubBackend, listen: Listen, publisher: Publish
) -> None:
    listener = await listen(pubsub)
    async with pubsub.raw() as client:
        await client.delete_subscription(subscription=name_of(listener))
    await arrives(listener, publisher(pubsub))


async def test_both_sides_survive_a_bus_that_was_killed_and_lost_everything(
    pubsub: PubSubBackend, listen: Listen, publisher: Publish
) -> None:
    listener, sender = await listen(pubsub), publisher(pubsub)
    (event,) = events(1)
    await sender.publish(event)
    await listener.got(event)
    await pubsub.server.kill()
    await listener.until(lambda: not listener.subscription.connected)
    with pytest.raises(Unavailable):
        await sender.publish(event)
    await pubsub.server.start()
    await arrives(listener, sender)
    assert listener.subscription.connected


async def test_only_what_is_not_acknowledged_comes_again_after_the_ack_deadline(
    pubsub: PubSubBackend, listen: Listen, publisher: Publish
) -> None:
    """Three in one, since each would wait for the deadline: an event, garbage, and a message left alone."""
    listener = await listen(pubsub)
    (event,) = events(1)
    async with pubsub.raw() as client:
        name = await raw_subscription(client, pubsub, ack_deadline_seconds=ACK_DEADLINE_S)
        await publisher(pubsub).publish(event)
        await pubsub.put(b"garbage")
        first = await pull(client, name)
        leased_at = asyncio.get_running_loop().time()
        first += await pull(client, name) if len(first) < 2 else []
        await client.acknowledge(
            subscription=name, ack_ids=[each.ack_id for each in first if each.message.data == b"garbage"]
        )
        again: list[Any] = []
        async with asyncio.timeout(ACK_DEADLINE_S + 15):
            while not again:
                again = await pull(client, name)
        assert asyncio.get_running_loop().time() - leased_at > ACK_DEADLINE_S - 1
        await client.acknowledge(subscription=name, ack_ids=[each.ack_id for each in again])
    assert [decode_event(each.message.data) for each in again] == [event]
    await asyncio.sleep(1)
    assert listener.events == [event]
    assert listener.subscription.undecodable == 1


async def test_a_shortened_lease_ends_early_and_a_refused_message_comes_at_once(
    pubsub: PubSubBackend, publisher: Publish
) -> None:
    (event,) = events(1)
    async with pubsub.raw() as client:
        name = await raw_subscription(client, pubsub, ack_deadline_seconds=600)
        await publisher(pubsub).publish(event)
        for seconds in (0, 1):
            (received,) = await pull(client, name)
            await client.modify_ack_deadline(
                subscription=name, ack_ids=[received.ack_id], ack_deadline_seconds=seconds
            )
        async with asyncio.timeout(10):
            while not (again := await pull(client, name)):
                pass
    assert decode_event(again[0].message.data) == event


@pytest.mark.parametrize("server", ["local"], indirect=True)
async def test_the_local_bus_keeps_the_order_of_a_publisher(
    pubsub: PubSubBackend, listen: Listen, publisher: Publish
) -> None:
    sent = events(3_000)
    listener, sender = await listen(pubsub), publisher(pubsub)
    await asyncio.gather(*(sender.publish(event) for event in sent))
    await listener.until(lambda: len(listener.events) >= len(sent))
    assert listener.events == sent
