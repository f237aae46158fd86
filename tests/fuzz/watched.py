"""Runs a realtime container that says what it holds: `python -m tests.fuzz.watched`.

Its heart beats fast, so that whoever leaves without a word is missed soon; nothing else differs from
production.
"""

import asyncio
import ctypes
import gc
import os
from dataclasses import replace

from aiohttp import web

from confab.realtime import __main__, container
from confab.realtime.socketio.api import Settings
from confab.realtime.socketio.engine import Heartbeat
from confab.realtime.socketio.server import Server
from confab.realtime.socketio.socket import Socket

HEARTBEAT = Heartbeat(interval=3.0, timeout=6.0)
HELD = "/held"


class Watched(Server):
    """The server, and what it holds at HELD."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(replace(settings, heartbeat=HEARTBEAT))

    def routes(self) -> list[web.RouteDef]:
        return [*super().routes(), web.get(HELD, self._held)]

    async def _held(self, _: web.Request) -> web.Response:
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)  # what the allocator only keeps for later is not held
        registry, objects = self.registry, gc.get_objects()
        held = {
            "sessions": len(self.sessions),
            "admitted": len(registry.admitted),
            "waiting": len(registry.waiting),
            "unsent": registry.backlog.total,
            "sockets": sum(isinstance(each, Socket) for each in objects),
            "tasks": len(asyncio.all_tasks()),
            "files": len(await asyncio.to_thread(os.listdir, "/proc/self/fd")),
        }
        return web.json_response(held)


if __name__ == "__main__":
    setattr(container, "Server", Watched)  # noqa: B010 - the module does not export it
    __main__.main()
