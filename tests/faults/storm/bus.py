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


class BusProxy:
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
        server.add_generic_rpc_handlers((_Handlers(self),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        try:
            yield f"127.0.0.1:{port}"
        finally:
            await server.stop(0)
            await self._channel.close()

    async def unsubscribe(self) -> int:
        """Delete every subscription without its owner's knowledge; how many there were."""
        project = "projects/demo-confab"
        listed = await self._channel.unary_unary("/google.pubsub.v1.Subscriber/ListSubscriptions")(
            types.ListSubscriptionsRequest.pb()(project=project).SerializeToString(), timeout=LONGEST_CALL_S
        )
        names = [each.name for each in types.ListSubscriptionsResponse.pb().FromString(listed).subscriptions]
        delete = self._channel.unary_unary("/google.pubsub.v1.Subscriber/DeleteSubscription")
        for name in names:
            message = types.DeleteSubscriptionRequest.pb()(subscription=name)
            await delete(message.SerializeToString(), timeout=LONGEST_CALL_S)
        return len(names)

    async def unary(self, method: str, request: bytes, context: Any) -> bytes:
        """Pass a call on, and its answer or its failure back."""
        try:
            answer: bytes = await self._channel.unary_unary(method)(request, timeout=LONGEST_CALL_S)
            return answer
        except grpc.aio.AioRpcError as error:
            await context.abort(error.code(), error.details() or "")
            raise

    async def streaming_pull(self, requests: AsyncIterator[bytes], context: Any) -> None:
        """Pass a streaming pull on, with the weather over what it brings."""
        stream = _Stream(self)
        call = self._channel.stream_stream(STREAMING_PULL)(_merged(requests, stream.dropped))
        bringing = asyncio.create_task(stream.bring(call))
        try:
            await call.initial_metadata()
            await context.send_initial_metadata(())
            while (response := await stream.outgoing.get()) is not None:
                await context.write(response)
            await bringing
        except grpc.aio.AioRpcError as error:
            await context.abort(error.code(), error.details() or "")
        finally:
            call.cancel()
            bringing.cancel()
            await asyncio.gather(bringing, return_exceptions=True)  # it has ended as the call has

    def fate(self) -> tuple[str, float]:
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


class _Stream:
    """The answering half of one streaming pull."""

    def __init__(self, proxy: BusProxy) -> None:
        self.outgoing: asyncio.Queue[bytes | None] = asyncio.Queue()
        """Responses in the order in which they are passed on; None is the end."""
        self.dropped: asyncio.Queue[bytes] = asyncio.Queue()
        """Requests that acknowledge what was dropped, so that the bus believes it has arrived."""
        self._proxy = proxy

    async def bring(self, responses: AsyncIterator[bytes]) -> None:
        """Take in what the bus sends until it ends; raises what it ends with."""
        try:
            async for response in responses:
                self._meet(Response.FromString(response))
        finally:
            self.outgoing.put_nowait(None)

    def _meet(self, response: Any) -> None:
        """Pass on a response: what is due now at once, and the rest in its time."""
        now = []
        for message in response.received_messages:
            fate, delay = self._proxy.fate()
            if fate == "drop":
                self.dropped.put_nowait(Request(ack_ids=[message.ack_id]).SerializeToString())
            if fate in ("pass", "repeat"):
                now.append(message)
            if fate in ("repeat", "delay", "reorder"):
                late = Response(received_messages=[message]).SerializeToString()
                asyncio.get_running_loop().call_later(delay, self.outgoing.put_nowait, late)
        if now or not response.received_messages:
            self.outgoing.put_nowait(Response(received_messages=now).SerializeToString())


async def _merged(requests: AsyncIterator[bytes], dropped: asyncio.Queue[bytes]) -> AsyncIterator[bytes]:
    """The client's requests, and the acknowledgements of what was dropped on the way to it."""
    asked = asyncio.ensure_future(anext(requests, None))
    lost = asyncio.ensure_future(dropped.get())
    try:
        while True:
            await asyncio.wait((asked, lost), return_when=asyncio.FIRST_COMPLETED)
            if lost.done():
                yield lost.result()
                lost = asyncio.ensure_future(dropped.get())
            if asked.done():
                if (request := asked.result()) is None:
                    return
                yield request
                asked = asyncio.ensure_future(anext(requests, None))
    finally:
        asked.cancel()
        lost.cancel()


class _Handlers(grpc.GenericRpcHandler):
    """Every method there is, in bytes."""

    def __init__(self, proxy: BusProxy) -> None:
        self._proxy = proxy

    def service(self, details: Any) -> Any:
        """The handler of a method."""
        method = details.method
        if method == STREAMING_PULL:
            return grpc.stream_stream_rpc_method_handler(self._proxy.streaming_pull)

        async def unary(request: bytes, context: Any) -> bytes:
            return await self._proxy.unary(method, request, context)

        return grpc.unary_unary_rpc_method_handler(unary)
