"""The Pub/Sub emulator as a process, with the service's own clients."""

import asyncio
import itertools
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from google.api_core import exceptions
from google.pubsub_v1 import PushConfig, StreamingPullRequest, SubscriberAsyncClient

from tests.support.processes import ROOT
from tests.support.pubsub import OURS, PubSubServer
from tests.support.pubsub_backends import PubSubBackend


@pytest.fixture
def bus(bus_server: PubSubServer) -> PubSubBackend:
    return PubSubBackend(bus_server)


async def stream(client: SubscriberAsyncClient, name: str, *requests: StreamingPullRequest) -> Any:
    """A streaming pull that stays open after these requests."""

    async def sent() -> AsyncIterator[StreamingPullRequest]:
        yield StreamingPullRequest(subscription=name, stream_ack_deadline_seconds=10)
        for request in requests:
            yield request
        await asyncio.sleep(60)

    return await client.streaming_pull(requests=sent(), retry=None, timeout=30)


@pytest.mark.parametrize(
    "wrong",
    [
        StreamingPullRequest(subscription="projects/p/subscriptions/other"),
        StreamingPullRequest(modify_deadline_ack_ids=["x"], modify_deadline_seconds=[20]),
        StreamingPullRequest(stream_ack_deadline_seconds=5),
    ],
)
async def test_a_stream_ends_with_the_refusal_of_a_wrong_request(bus, wrong):
    async with bus.raw() as client:
        opened = await stream(client, await bus.subscribed(client), wrong)
        with pytest.raises(exceptions.InvalidArgument):
            await anext(aiter(opened))


async def test_a_method_that_is_not_emulated_is_refused(bus):
    async with bus.raw() as client:
        with pytest.raises(exceptions.MethodNotImplemented):
            await client.create_snapshot(name="s", subscription="s")


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


async def test_a_message_is_pushed_until_its_endpoint_accepts_it_while_another_is_down(bus):
    async with endpoint(500, 404, 204) as (url, bodies), bus.raw() as client, asyncio.timeout(20):
        name = await bus.subscribed(client, push_config=PushConfig(push_endpoint=url))
        away = await bus.subscribed(client, push_config=PushConfig(push_endpoint="http://127.0.0.1:9/"))
        await bus.put(b"a")
        tries = [await bodies.get() for _ in range(3)]
        assert tries[0] == tries[1] == tries[2]
        assert (tries[0]["subscription"], tries[0]["message"]["data"]) == (name, "YQ==")
        await bus.put(b"b")
        assert (await bodies.get())["message"]["data"] == "Yg=="
        with pytest.raises(exceptions.FailedPrecondition):
            await client.pull(subscription=name, max_messages=1)
        with pytest.raises(exceptions.FailedPrecondition):
            await anext(aiter(await stream(client, name)))
        for each in (name, away):
            await client.delete_subscription(subscription=each)


async def test_it_prints_one_line_when_ready_and_ends_cleanly_with_open_streams(tmp_path):
    server = PubSubServer(tmp_path, None)
    await server.start()
    bus = PubSubBackend(server)
    async with bus.raw() as client:
        opened = await stream(client, await bus.subscribed(client))
        await opened.initial_metadata()
        server.ask_to_end()
        with pytest.raises(exceptions.ServiceUnavailable):
            await anext(aiter(opened))
    assert await server.exit_code() == 0
    assert server.log.read_text() == f"ready {server.address}\n"
    await server.close()


async def test_a_taken_port_is_reported_on_one_line(bus_server):
    command = (sys.executable, "-m", OURS, "--port", str(bus_server.port))
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=PIPE, stderr=PIPE)
    async with asyncio.timeout(20):
        output, errors = await process.communicate()
    assert (process.returncode, output) == (1, b"")
    (line,) = errors.decode().splitlines()
    assert line.startswith(f"cannot listen on 127.0.0.1:{bus_server.port}: Address already in use")
