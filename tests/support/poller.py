"""A long-polling client that says what it likes."""

import asyncio
import json

import aiohttp


class Poller:
    """A long-polling client, packet by packet."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self._http = http
        self.url = f"{url}/socket.io/?EIO=4&transport=polling"
        self.received = ""

    async def open(self) -> None:
        async with self._http.get(self.url) as answer:
            self.url += "&sid=" + json.loads((await answer.text())[1:])["sid"]

    async def post(self, *packets: str) -> int:
        async with self._http.post(self.url, data="\x1e".join(packets)) as answer:
            return answer.status

    async def send(self, body: object, **headers: str) -> int:
        """Post a body as it is; one that is an iterator goes in chunks."""
        async with self._http.post(self.url, data=body, headers=headers) as answer:
            return answer.status

    async def get(self) -> tuple[int, str]:
        async with self._http.get(self.url) as answer:
            return answer.status, await answer.text()

    async def poll_until(self, text: str) -> None:
        async with asyncio.timeout(5):
            while text not in self.received:
                async with self._http.get(self.url) as answer:
                    assert answer.status == 200
                    self.received += await answer.text()

    async def admitted(self, user: str, **auth: object) -> "Poller":
        await self.open()
        await self.post("40" + json.dumps({"token": user, **auth}))
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
