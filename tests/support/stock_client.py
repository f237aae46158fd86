"""Socket.IO's own JavaScript client, driven from a test."""

import asyncio
import json
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Any

from tests.support.received import Received

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "tests/e2e/client.mjs"


class StockClient(Received):
    """One socket in a Node process of its own."""

    def __init__(self, process: Process) -> None:
        super().__init__()
        self._process = process
        self._acks: dict[int, asyncio.Future[Any]] = {}
        self._calls = 0
        self.connected = False
        self.refused: Any = None
        self.closed: str | None = None
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def start(
        cls, url: str, auth: object, transports: tuple[str, ...] = ("websocket",)
    ) -> "StockClient":
        """A client that is connected, or was refused."""
        process = await asyncio.create_subprocess_exec(
            "node",
            str(SCRIPT),
            url,
            json.dumps(auth),
            json.dumps(transports),
            cwd=ROOT,
            stdin=PIPE,
            stdout=PIPE,
        )
        client = cls(process)
        await client.until(lambda c: c.connected or c.refused is not None)
        return client

    async def call(self, event: str, payload: object) -> Any:
        """Emit an event; its acknowledgement, or None if none came within 15 s."""
        self._calls += 1
        number = self._calls
        self._acks[number] = asyncio.get_running_loop().create_future()
        assert self._process.stdin is not None
        self._process.stdin.write(
            json.dumps({"id": number, "event": event, "payload": payload}).encode() + b"\n"
        )
        return await self._acks[number]

    async def close(self) -> None:
        assert self._process.stdin is not None
        if self._process.returncode is None:
            self._process.stdin.close()
            try:
                await asyncio.wait_for(self._process.wait(), 3)
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
        await self._reader

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            said = json.loads(line)
            if "event" in said:
                self.remember(said["event"], said.get("payload"))
            elif "ack" in said:
                self._acks[said["ack"]].set_result(said["data"])
            elif "connected" in said:
                self.connected = True
            elif "refused" in said:
                self.refused = said["refused"]
            else:
                self.closed = said["closed"]
            self.wake()
