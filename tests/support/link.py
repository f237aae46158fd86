"""An Engine.IO session packet by packet, alike over both transports; bytes are a binary message."""

import asyncio
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from tests.support.poller import Poller

Packet = str | bytes
ANSWER_S = 10.0
"""Seconds within which a server says or does what a test waits for."""
TRANSPORTS = ("polling", "websocket")
DATA = {aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY}


class WebSocketLink:
    """A session over a WebSocket."""

    def __init__(self, wire: aiohttp.ClientWebSocketResponse) -> None:
        self.wire = wire

    async def send(self, *packets: Packet) -> None:
        for packet in packets:
            await (self.wire.send_str(packet) if isinstance(packet, str) else self.wire.send_bytes(packet))

    async def receive(self) -> Packet:
        """The next packet; fails if there is none within ANSWER_S."""
        message = await self.wire.receive(ANSWER_S)
        assert message.type in DATA, message
        packet: Packet = message.data
        return packet

    async def ended(self) -> list[Packet]:
        """The packets until the server ends the session; fails if it does not within ANSWER_S."""
        packets: list[Packet] = []
        async with asyncio.timeout(ANSWER_S):
            while (message := await self.wire.receive()).type in DATA:
                packets.append(message.data)
        return packets


class PollingLink:
    """A session over long-polling, with the same methods."""

    def __init__(self, poller: Poller) -> None:
        self.poller = poller
        self._received: list[str] = [poller.opened]

    async def send(self, *packets: Packet) -> None:
        texts = (each if isinstance(each, str) else "b" + b64encode(each).decode() for each in packets)
        await self.poller.post(*texts)

    async def receive(self) -> Packet:
        async with asyncio.timeout(ANSWER_S):
            while not self._received:
                status, payload = await self.poller.get()
                assert status == 200
                self._received = payload.split("\x1e")
        packet = self._received.pop(0)
        return b64decode(packet[1:]) if packet.startswith("b") else packet

    async def ended(self) -> list[Packet]:
        """The same; what answers a poll that has nothing to say is left out."""
        packets: list[Packet] = [*self._received]
        async with asyncio.timeout(ANSWER_S):
            while (answer := await self.poller.get())[0] == 200:
                packets += answer[1].split("\x1e")
        assert answer[0] == 400
        return [packet for packet in packets if packet != "6"]


@asynccontextmanager
async def linked(
    http: aiohttp.ClientSession, url: str, transport: str, *, connect: str | None = "40"
) -> AsyncIterator[Any]:
    """A session whose client has sent this CONNECT packet, and received the answer."""
    if transport == "websocket":
        async with http.ws_connect(f"{url}/socket.io/?EIO=4&transport=websocket") as wire:
            yield await _opened(WebSocketLink(wire), connect)
    else:
        poller = Poller(http, url)
        await poller.open()
        yield await _opened(PollingLink(poller), connect)
        await poller.post("1")


async def _opened(link: WebSocketLink | PollingLink, connect: str | None) -> object:
    assert str(await link.receive()).startswith("0{")
    if connect is not None:
        await link.send(connect)
        assert str(await link.receive()).startswith('40{"sid":')
    return link


async def assert_alive(link: Any) -> None:
    """The next thing that an admitted client receives is the answer to what it sends now."""
    await link.send('427["echo","hello"]')
    assert await link.receive() == '437[{"echo":["hello"]}]'
