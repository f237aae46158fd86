"""Faults of Pub/Sub that the contract of the bus does not name, on our emulator."""

import asyncio
import time
import uuid

import grpc.aio
import pytest
import pytest_asyncio
from google.api_core.exceptions import NotFound
from google.auth.exceptions import DefaultCredentialsError
from google.pubsub_v1 import Subscription as SubscriptionConfig

from confab.bus import leases, stream
from confab.bus.client import Endpoint
from confab.bus.stream import MAX_OUTSTANDING_MESSAGES
from confab.bus.subscription import PubSubSubscription
from confab.domain.errors import Unavailable
from confab.domain.events import Event, event_of
from tests.contract.conftest import Emulator
from tests.support.pubsub import closed_port
from tests.support.pubsub_backends import PROJECT, Listener, PubSubBackend, arrives, events, typing
from tests.support.samples import NOW, draft
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def bus(emulator: Emulator) -> PubSubBackend:
    return PubSubBackend(await emulator("local"))


def subscription(listener: Listener) -> PubSubSubscription:
    assert isinstance(listener.subscription, PubSubSubscription)
    return listener.subscription


@pytest_asyncio.fixture(loop_scope="module", scope="module", autouse=True)
async def resumed(emulator: Emulator) -> asyncio.Task[None]:
    """Waits for what a restarted stream had not acknowledged, beside the other tests."""
    bus = PubSubBackend(await emulator("local"))
    listener, publisher, sent = Listener(bus.subscription()), bus.publisher(), events(30)
    await listener.until(lambda: listener.subscription.connected)
    for event in sent:
        if event.seq in {10, 20}:
            subscription(listener).restart(fresh=False)
        await publisher.publish(event)

    async def rest() -> None:
        await listener.until(lambda: all(event in listener.events for event in sent), within=40)
        await asyncio.gather(listener.close(), publisher.close())

    return asyncio.create_task(rest())


async def test_a_silent_bus_is_detected_and_reconnected(bus, listen, publisher, monkeypatch):
    monkeypatch.setattr(stream, "PING_SECONDS", 0.5)
    monkeypatch.setattr(stream, "SILENCE_SECONDS", 2.0)
    listener = await listen()
    (event,) = events(1)
    await publisher.publish(event)
    await listener.got(event)
    await asyncio.sleep(1)  # for the answer to the first ping
    bus.server.freeze()
    try:
        async with asyncio.timeout(10):
            with pytest.raises(Unavailable):
                await publisher.publish(event)
        await listener.until(lambda: not listener.subscription.connected)
    finally:
        bus.server.thaw()
    await arrives(listener, publisher)


async def test_a_subscription_that_never_connected_can_be_closed():
    listener = Listener(PubSubSubscription(PROJECT, "t-1", instance="i", emulator_host=closed_port()))
    await asyncio.sleep(0.3)
    assert not listener.subscription.connected
    async with asyncio.timeout(10):
        await listener.close()


async def test_a_fresh_subscription_gets_what_is_published_from_then_on(bus, listener, publisher):
    old = subscription(listener).name
    subscription(listener).restart(fresh=True)
    assert subscription(listener).name != old
    await arrives(listener, publisher)


async def test_subscriptions_of_dead_processes_are_swept_and_no_others(bus, listener):
    expired, other_topic = {leases.ALIVE: str(int(time.time()) - 1_000)}, f"{bus.topic_name}-other"
    await Endpoint(bus.server.address).create_topic(other_topic, timeout=5)
    async with bus.raw() as client:
        names = {}
        for kind, topic, labels in (
            ("dead", bus.topic_name, expired),
            ("alive", bus.topic_name, leases.labels()),
            ("somebody else's", bus.topic_name, {}),
            ("of another topic", other_topic, expired),
        ):
            name = f"projects/{PROJECT}/subscriptions/s-{uuid.uuid4().hex}"
            await client.create_subscription(
                request=SubscriptionConfig(name=name, topic=topic, labels=labels)
            )
            names[kind] = name
        own = subscription(listener).name
        await leases.renew(client, own)
        assert await leases.delete_expired(client, bus.topic_name) == 1
        assert await leases.delete_expired(client, bus.topic_name) == 0
        left = [each.name async for each in await client.list_subscriptions(project=f"projects/{PROJECT}")]
    assert names["dead"] not in left
    assert {own, *names.values()} - {names["dead"]} <= set(left)


async def test_a_subscription_s_lease_is_renewed(bus, publisher, monkeypatch):
    monkeypatch.setattr(leases, "RENEW_S", 0.05)
    earlier = str(int(time.time()) - 100)
    monkeypatch.setattr(leases, "labels", lambda: {leases.ALIVE: earlier})
    listener = Listener(bus.subscription())
    async with bus.raw() as client:
        await arrives(listener, publisher)
        monkeypatch.setattr(leases, "labels", lambda: {leases.ALIVE: str(int(time.time()))})
        async with asyncio.timeout(15):
            while True:
                config = await client.get_subscription(subscription=subscription(listener).name)
                if config.labels[leases.ALIVE] != earlier:
                    break
                await asyncio.sleep(0.02)
    await listener.close()


async def test_events_of_any_size_arrive_in_order(listener, publisher):
    """One above gRPC's default limit of 4 MB, and several that exceed a batch together."""
    sizes = (5_000_000, *[400_000] * 7)
    sent = [
        event_of(draft("x" * size).numbered(seq, seq, NOW), origin="i1") for seq, size in enumerate(sizes, 1)
    ]
    await asyncio.gather(*(publisher.publish(event) for event in sent))
    await listener.got(*sent)
    assert listener.events == sent


async def test_a_slow_reader_holds_a_bounded_number_of_events_and_loses_none(bus, publisher):
    slow = bus.subscription()
    iterator = slow.events()

    async def next_event() -> Event:
        return await anext(iterator)

    first = asyncio.create_task(next_event())
    await until(lambda: slow.connected)
    sent = events(3 * MAX_OUTSTANDING_MESSAGES)
    for start in range(0, len(sent), 100):  # no more than a busy machine publishes within the deadline
        await asyncio.gather(*(publisher.publish(event) for event in sent[start : start + 100]))
    got = {(await first).seq: None}
    await asyncio.sleep(0.5)
    buffered = sum(len(events) for events in vars(slow._buffer)["_queue"])
    assert 0 < buffered <= MAX_OUTSTANDING_MESSAGES
    async with asyncio.timeout(60):
        while len(got) < len(sent):  # what is published again on a busy machine comes twice
            got[(await anext(iterator)).seq] = None
    assert [*got] == [event.seq for event in sent]
    await slow.close()


async def test_an_early_connection_that_fails_is_reported_by_the_first_event(publisher, monkeypatch, caplog):
    async def refused(_: object) -> grpc.aio.Channel:
        raise DefaultCredentialsError("nobody is signed in")

    monkeypatch.setattr(publisher._endpoint, "_channel", refused)
    await publisher.connect()
    assert caplog.messages == []
    with pytest.raises(Unavailable):
        await publisher.publish(typing())
    assert "the bus refuses events" in caplog.messages


class InfrastructureEndpoint(Endpoint):
    """The emulator as if it were Google: a missing topic is not created."""

    def __init__(self, address: str) -> None:
        super().__init__(None)
        self._address = address

    async def _channel(self, _transport: object) -> grpc.aio.Channel:
        return grpc.aio.insecure_channel(self._address)


async def test_a_topic_that_is_missing_in_production_is_reported_and_not_created(bus, publisher, caplog):
    endpoint = InfrastructureEndpoint(bus.server.address)
    publisher._endpoint = endpoint
    listening = bus.subscription()
    listening._endpoint = endpoint
    listener = Listener(listening)
    with pytest.raises(Unavailable):
        await publisher.publish(typing())
    assert "the bus refuses events" in caplog.messages
    await listener.until(lambda: any("NotFound" in line for line in caplog.messages))
    assert not listening.connected
    async with endpoint.publisher() as client:
        with pytest.raises(NotFound):
            await client.get_topic(topic=bus.topic_name)
    await listener.close()


async def test_a_defect_in_the_listener_is_logged_and_the_stream_restarts(
    listener, publisher, caplog, monkeypatch
):
    def broken(_: object) -> list[object]:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(subscription(listener), "_decoded", broken)
        await publisher.publish(typing())
        await listener.until(lambda: "the bus stream has failed" in caplog.messages)
    await arrives(listener, publisher)


async def test_a_restarted_stream_resumes_without_a_loss(resumed):
    await resumed
