"""A Pub/Sub proxy that loses, repeats, delays and reorders what the bus brings to each subscription.

It stands between the emulator and everybody else, and passes on every call as it is but the
streaming pulls, of whose messages each meets its own fate.
"""

from __future__ import annotations  # grpc's classes are generic in its stubs only

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc.aio
from google.pubsub_v1 import types

from confab.bus.client import Endpoint
from tests.support.users import PROJECT

Request: Any = types.StreamingPullRequest.pb()
Response: Any = types.StreamingPullResponse.pb()
STREAMING_PULL = "/google.pubsub.v1.Subscriber/StreamingPull"
LONGEST_CALL_S = 30.0
OPTIONS = (
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
    ("grpc.http2.min_ping_interval_without_data_ms", 1_000),
    ("grpc.http2.max_ping_strikes", 0),
)


@dataclass(frozen=True, slots=True)
class Weather:
    """What becomes of a message: the probability of each fate, and the longest delay in seconds."""

    drop: float = 0.0
    repeat: float = 0.0
    delay: float = 0.0
    reorder: float = 0.0
    longest_delay: float = 1.0


CALM = Weather()


class BusProxy(grpc.GenericRpcHandler):
    """The proxy; `weather` may be changed at any time."""

    def __init__(self, upstream: str, seed: int) -> None:
        self.weather = CALM
        self.did: Counter[str] = Counter()
        """How many messages were passed, dropped, repeated, delayed and reordered."""
        self._random = random.Random(seed)
        self._upstream = upstream
        self._channel: Any  # grpc.aio's, whose methods are not generic outside its stubs

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Serve for as long as the context lasts; gives the address."""
        self._channel = grpc.aio.insecure_channel(self._upstream, options=OPTIONS)
        server = grpc.aio.server(options=OPTIONS)
        server.add_generic_rpc_handlers((self,))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        try:
            yield f"127.0.0.1:{port}"
        finally:
            await server.stop(0)
            await self._channel.close()

    def service(self, details: Any) -> Any:
        """The handler of a method, whichever it is; requests and responses are bytes."""
        method = details.method
        if method == STREAMING_PULL:
            return grpc.stream_stream_rpc_method_handler(self._streaming_pull)

        async def unary(request: bytes, context: Any) -> bytes:
            try:
                answer: bytes = await self._channel.unary_unary(method)(request, timeout=LONGEST_CALL_S)
                return answer
            except grpc.aio.AioRpcError as error:
                await context.abort(error.code(), error.details() or "")
                raise

        return grpc.unary_unary_rpc_method_handler(unary)

    async def _streaming_pull(self, requests: AsyncIterator[bytes], context: Any) -> None:
        """Pass a streaming pull on, with the weather over what it brings."""
        upwards, downwards = asyncio.Queue[bytes | None](), asyncio.Queue[bytes | None]()
        call = self._channel.stream_stream(STREAMING_PULL)(_until_none(upwards))
        pumps = [
            asyncio.create_task(_pump(requests, upwards)),
            asyncio.create_task(self._expose(call, upwards, downwards)),
        ]
        try:
            await call.initial_metadata()
            await context.send_initial_metadata(())
            async for response in _until_none(downwards):
                await context.write(response)
            await pumps[1]  # raises what the call has ended with
        except grpc.aio.AioRpcError as error:
            await context.abort(error.code(), error.details() or "")
        finally:
            call.cancel()
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)  # they have ended as the call has

    async def _expose(
        self,
        responses: AsyncIterator[bytes],
        upwards: asyncio.Queue[bytes | None],
        downwards: asyncio.Queue[bytes | None],
    ) -> None:
        """Let each message meet its fate. The bus believes that what was dropped has arrived."""
        later = asyncio.get_running_loop().call_later
        try:
            async for data in responses:
                response, now = Response.FromString(data), []
                for message in response.received_messages:
                    fate, delay = self._fate()
                    if fate == "drop":
                        upwards.put_nowait(Request(ack_ids=[message.ack_id]).SerializeToString())
                    if fate in ("pass", "repeat"):
                        now.append(message)
                    if fate in ("repeat", "delay", "reorder"):
                        late = Response(received_messages=[message]).SerializeToString()
                        later(delay, downwards.put_nowait, late)
                if now or not response.received_messages:
                    downwards.put_nowait(Response(received_messages=now).SerializeToString())
        finally:
            downwards.put_nowait(None)

    def _fate(self) -> tuple[str, float]:
        """What becomes of the next message, and after how many seconds it is passed on."""
        weather, chance = self.weather, self._random.random()
        for fate in ("drop", "repeat", "delay", "reorder"):
            chance -= getattr(weather, fate)
            if chance < 0:
                self.did[fate] += 1
                longest = weather.longest_delay if fate in ("delay", "repeat") else 0.03
                return fate, self._random.uniform(0, longest)
        self.did["pass"] += 1
        return "pass", 0.0


async def subscriptions(bus: str) -> list[str]:
    """The names of all subscriptions of the bus at this address."""
    async with Endpoint(bus).subscriber() as client:
        pages = await client.list_subscriptions(project=f"projects/{PROJECT}", retry=None)
        return [subscription.name async for subscription in pages]


async def unsubscribe(bus: str) -> None:
    """Delete every subscription without its owner's knowledge."""
    async with Endpoint(bus).subscriber() as client:
        for name in await subscriptions(bus):
            await client.delete_subscription(subscription=name, retry=None)


async def _pump(source: AsyncIterator[bytes], queue: asyncio.Queue[bytes | None]) -> None:
    """Queue all that comes, and None as its end."""
    async for each in source:
        queue.put_nowait(each)
    queue.put_nowait(None)


async def _until_none(queue: asyncio.Queue[bytes | None]) -> AsyncIterator[bytes]:
    while (each := await queue.get()) is not None:
        yield each
