"""Stock Socket.IO clients, all in one Node process, driven from here."""

import asyncio
import json
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Protocol

from tests.support.processes import ROOT

SCRIPT = ROOT / "tests/support/sockets.mjs"
ANSWER_S = 8.0
"""Seconds for which a client waits for an acknowledgement."""
LINE_BYTES = 16 * 1024 * 1024

Acknowledged = Callable[[Any], None]


class Listener(Protocol):
    """Receives each event of a socket, synchronously and in the order of arrival."""

    def connected(self) -> None: ...
    def refused(self, problem: Any) -> None: ...
    def closed(self) -> None: ...
    def on_event(self, event: str, payload: Any) -> None: ...


class Socket:
    """One socket. When it is closed, from either side, its listener receives nothing more."""

    def __init__(self, sockets: "Sockets", number: int, listener: Listener) -> None:
        self.ready = False
        self.over = False
        self._sockets = sockets
        self._number = number
        self._listener = listener
        self._emitted = 0
        self._waiting: dict[int, Acknowledged] = {}

    def emit(self, event: str, payload: Mapping[str, Any], acknowledged: Acknowledged) -> None:
        """Emit an event; `acknowledged` is called with the acknowledgement, or with None if there is none."""
        if self.over:
            acknowledged(None)
            return
        self._emitted += 1
        self._waiting[self._emitted] = acknowledged
        self._sockets.write(
            on=self._number, id=self._emitted, event=event, payload=payload, ms=int(ANSWER_S * 1000)
        )

    async def call(self, event: str, payload: Mapping[str, Any]) -> Any:
        """Emit an event; the acknowledgement, or None if there is none."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.emit(event, payload, lambda data: None if answer.done() else answer.set_result(data))
        return await answer

    def close(self) -> None:
        """Disconnect, and receive nothing more."""
        if not self.over:
            self._sockets.write(close=self._number)
            self.end()

    def end(self) -> None:
        """Resolve every acknowledgement that is still missing with None."""
        self.ready, self.over = False, True
        self._sockets.forget(self._number)
        waiting, self._waiting = self._waiting, {}
        for acknowledged in waiting.values():
            acknowledged(None)

    def take(self, said: Mapping[str, Any]) -> None:
        """Handle a line of the process."""
        if "event" in said:
            self._listener.on_event(said["event"], said.get("payload"))
        elif "ack" in said:
            if (acknowledged := self._waiting.pop(said["ack"], None)) is not None:
                acknowledged(said["data"])
        elif "connected" in said:
            self.ready = True
            self._listener.connected()
        else:
            self.end()
            if "refused" in said:
                self._listener.refused(said["refused"])
            else:
                self._listener.closed()


class Sockets:
    """The Node process and its sockets."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._opened = 0
        self._sockets: dict[int, Socket] = {}

    @classmethod
    @asynccontextmanager
    async def running(cls) -> AsyncIterator["Sockets"]:
        """The process, for as long as the context lasts."""
        process = await asyncio.create_subprocess_exec(
            "node", str(SCRIPT), cwd=ROOT, stdin=PIPE, stdout=PIPE, limit=LINE_BYTES
        )
        sockets = cls(process)
        reader = asyncio.create_task(sockets._read())
        try:
            yield sockets
        finally:
            assert process.stdin is not None
            process.stdin.close()
            try:
                await asyncio.wait_for(process.wait(), 3)
            except TimeoutError:
                process.kill()
                await process.wait()
            await reader

    def open(self, url: str, auth: Mapping[str, Any], listener: Listener) -> Socket:
        """A socket that is being connected."""
        self._opened += 1
        socket = self._sockets[self._opened] = Socket(self, self._opened, listener)
        self.write(open=self._opened, url=url, auth=auth)
        return socket

    def write(self, **line: Any) -> None:
        """Send the process a line."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(line).encode() + b"\n")

    def forget(self, number: int) -> None:
        self._sockets.pop(number, None)

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            said = json.loads(line)
            if (socket := self._sockets.get(said["on"])) is not None:
                socket.take(said)
