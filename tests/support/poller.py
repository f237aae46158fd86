"""Engine.IO packet by packet: by long polling, and on a bare WebSocket."""

import asyncio
import json
import re

import aiohttp


def connect(user: str = "alice", **auth: object) -> str:
    """A handshake; a user's name is the token."""
    return "40" + json.dumps({"token": user, **auth})


def event(name: str, number: int = 1, **payload: object) -> str:
    """An event that asks for the acknowledgement of this number."""
    return f"42{number}{json.dumps([name, payload])}"


def escaped(value: object) -> str:
    """The longest JSON of a value: each UTF-16 unit of its texts as an escape."""
    if isinstance(value, str):
        return '"' + re.sub("....", r"\\u\g<0>", value.encode("utf-16-be").hex()) + '"'
    if isinstance(value, dict):
        return "{" + ",".join(f"{escaped(name)}:{escaped(one)}" for name, one in value.items()) + "}"
    return "[" + ",".join(map(escaped, value)) + "]" if isinstance(value, list) else json.dumps(value)


async def read_to_end(wire: aiohttp.ClientWebSocketResponse) -> list[str]:
    """The texts that a WebSocket receives until it is closed."""
    texts: list[str] = []
    async with asyncio.timeout(4):
        while (message := await wire.receive()).type is aiohttp.WSMsgType.TEXT:
            texts.append(message.data)
    return texts


class Poller:
    """A long-polling client, packet by packet."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self._http = http
        self.url = f"{url}/socket.io/?EIO=4&transport=polling"
        self.opened = ""
        """The OPEN packet."""
        self.received = ""
        """The packets of all polls, each followed by a separator."""

    async def open(self, **headers: str) -> None:
        async with self._http.get(self.url, headers=headers) as answer:
            self.opened = await answer.text()
            self.url += "&sid=" + json.loads(self.opened[1:])["sid"]

    async def post(self, *packets: str) -> int:
        return await self.send("\x1e".join(packets))

    async def send(self, body: object, **headers: str) -> int:
        """Post a raw body, in chunks if it is an iterator."""
        async with self._http.post(self.url, data=body, headers=headers) as answer:
            return answer.status

    async def get(self) -> tuple[int, str]:
        async with self._http.get(self.url) as answer:
            return answer.status, await answer.text()

    async def poll_until(self, text: str) -> None:
        async with asyncio.timeout(5):
            while text not in self.received:
                status, packets = await self.get()
                assert status == 200
                self.received += packets + "\x1e"

    async def admitted(self, user: str, **auth: object) -> "Poller":
        await self.open()
        await self.post(connect(user, **auth))
        await self.poll_until('40{"sid"')
        return self

    @property
    def sid(self) -> str:
        """The session's id."""
        return self.url.rpartition("sid=")[2]

    @property
    def upgrade_url(self) -> str:
        """Where a WebSocket takes over from this socket."""
        return self.url.replace("transport=polling", "transport=websocket")
