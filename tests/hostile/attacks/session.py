"""A polling session by hand."""

import json
from typing import Any

from tests.hostile.raw_http import Answer, ask

PATH = "/socket.io/?EIO=4&transport=polling"


class Session:
    """An Engine.IO session on long polling; every request is a connection of its own."""

    def __init__(self, address: str, sid: str) -> None:
        self.address = address
        self.path = f"{PATH}&sid={sid}"

    @classmethod
    async def open(cls, address: str) -> "Session":
        """A new session, of nobody so far."""
        opened = await ask(address, "GET", PATH)
        return cls(address, json.loads(opened.body[1:])["sid"])

    async def post(self, body: bytes, *, jsonp: bool = False, **how: Any) -> Answer:
        """Send packets."""
        return await ask(self.address, "POST", self.path + "&j=0" * jsonp, body=body, **how)

    async def poll(self, within_s: float) -> Answer:
        """Whatever comes next."""
        return await ask(self.address, "GET", self.path, within_s=within_s)
