"""The Pub/Sub emulator as a process, with the service's own clients."""

import asyncio
import itertools
import signal
import sys
import uuid
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer
from google.api_core import exceptions
from google.pubsub_v1 import (
    PublisherAsyncClient,
    PubsubMessage,
    PushConfig,
    StreamingPullRequest,
    SubscriberAsyncClient,
    Subscription,
    Topic,
)

from confab.bus.client import Endpoint
from tests.support.processes import ROOT
from tests.support.pubsub import PubSubServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROJECT = "projects/demo-emulator"


class Pair:
    """Clients of the service, and a topic and a subscription of their own."""

    def __init__(self, publisher: PublisherAsyncClient, subscriber: SubscriberAsyncClient) -> None:
        self.publisher = publisher
        self.subscriber = subscriber
        self.topic = f"{PROJECT}/topics/t-{uuid.uuid4().hex}"
        self.name = f"{PROJECT}/subscriptions/s-{uuid.uuid4().hex}"

    async def subscribe(self, **fields: Any) -> None:
        await self.publisher.create_topic(Topic(name=self.topic))
        await self.subscriber.create_subscription(Subscription(name=self.name, topic=self.topic, **fields))

    async def publish(self, data: bytes, **attributes: str) -> None:
        message = PubsubMessage(data=data, attributes=attributes)
        await self.publisher.publish(topic=self.topic, messages=[message])

    async def stream(self, *requests: StreamingPullRequest) -> Any:
        """A streaming pull that stays open after these requests."""

        async def sent() -> AsyncIterator[StreamingPullRequest]:
            yield StreamingPullRequest(subscription=self.name, stream_ack_deadline_seconds=10)
            for request in requests:
                yield request
            await asyncio.sleep(60)

        return await self.subscriber.streaming_pull(requests=sent(), retry=None, timeout=30)


@asynccontextmanager
async def pair_at(address: str) -> AsyncIterator[Pair]:
    endpoint = Endpoint(address)
    async with endpoint.publisher() as publisher, endpoint.subscriber() as subscriber:
        yield Pair(publisher, subscriber)


@pytest_asyncio.fixture(loop_scope="module")
async def pair(bus_server: PubSubServer) -> AsyncIterator[Pair]:
    async with pair_at(bus_server.address) as pair:
        yield pair


@pytest.mark.parametrize(
    "wrong",
    [
        StreamingPullRequest(subscription="projects/p/subscriptions/other"),
        StreamingPullRequest(modify_deadline_ack_ids=["x"], modify_deadline_seconds=[20]),
        StreamingPullRequest(stream_ack_deadline_seconds=5),
    ],
)
async def test_a_stream_ends_with_the_refusal_of_a_wrong_request(pair, wrong):
    await pair.subscribe()
    stream = await pair.stream(wrong)
    with pytest.raises(exceptions.InvalidArgument):
        await anext(aiter(stream))


async def test_a_method_that_is_not_emulated_is_refused(pair):
    with pytest.raises(exceptions.MethodNotImplemented):
        await pair.subscriber.create_snapshot(name="s", subscription=pair.name)


@asynccontextmanager
async def endpoint(*statuses: int) -> AsyncIterator[tuple[str, asyncio.Queue[Any]]]:
    """The URL of a push endpoint that responds these statuses in turn, and the bodies that it gets."""
    bodies: asyncio.Queue[Any] = asyncio.Queue()
    responses = itertools.chain(statuses, itertools.repeat(statuses[-1]))

    async def take(request: web.Request) -> web.Response:
        await bodies.put(await request.json())
        return web.Response(status=next(responses))

    application = web.Application()
    application.router.add_post("/push", take)
    async with TestServer(application) as server:
        yield str(server.make_url("/push")), bodies


async def test_a_message_is_pushed_until_its_endpoint_accepts_it_while_another_is_down(pair):
    async with endpoint(500, 404, 204) as (url, bodies), asyncio.timeout(20):
        away = Subscription(
            name=pair.name + "-2",
            topic=pair.topic,
            push_config=PushConfig(push_endpoint="http://127.0.0.1:9/"),
        )
        await pair.subscribe(push_config=PushConfig(push_endpoint=url))
        await pair.subscriber.create_subscription(away)
        await pair.publish(b"a", type="typing")
        tries = [await bodies.get() for _ in range(3)]
        assert tries[0] == tries[1] == tries[2]
        assert tries[0]["subscription"] == pair.name
        assert tries[0]["message"]["data"] == "YQ=="
        assert tries[0]["message"]["attributes"] == {"type": "typing"}
        await pair.publish(b"b")
        assert (await bodies.get())["message"]["data"] == "Yg=="
        with pytest.raises(exceptions.FailedPrecondition):
            await pair.subscriber.pull(subscription=pair.name, max_messages=1)
        with pytest.raises(exceptions.FailedPrecondition):
            await anext(aiter(await pair.stream()))
        for name in (pair.name, away.name):
            await pair.subscriber.delete_subscription(subscription=name)


async def command_line(*arguments: str) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "infra.local.pubsub_emulator", *arguments, cwd=ROOT, stdout=PIPE, stderr=PIPE
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_prints_one_line_when_ready_and_ends_cleanly_with_open_streams(number):
    process = await command_line("--port", "0")
    assert process.stdout is not None
    async with asyncio.timeout(20):
        ready = (await process.stdout.readline()).decode()
    assert ready.startswith("ready 127.0.0.1:")
    async with pair_at(ready.split()[1]) as pair:
        await pair.subscribe()
        stream = await pair.stream()
        await stream.initial_metadata()
        process.send_signal(number)
        with pytest.raises(exceptions.ServiceUnavailable):
            await anext(aiter(stream))
        async with asyncio.timeout(5):
            rest, errors = await process.communicate()
    assert process.returncode == 0
    assert (rest, errors) == (b"", b"")


async def test_a_taken_port_is_reported_on_one_line(bus_server):
    process = await command_line("--port", str(bus_server.port))
    async with asyncio.timeout(20):
        output, errors = await process.communicate()
    assert process.returncode == 1
    assert output == b""
    (line,) = errors.decode().splitlines()
    assert line.startswith(f"cannot listen on 127.0.0.1:{bus_server.port}: Address already in use")
