"""A Socket.IO client that leaves nothing open, however it ends."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

import aiohttp
import socketio

CONNECT_S = 8
CLOSE_S = 2.0


@asynccontextmanager
async def socket() -> AsyncIterator[socketio.AsyncClient]:
    """A client that does not reconnect; it is disconnected at the end, within CLOSE_S."""
    async with aiohttp.ClientSession() as session:
        client = socketio.AsyncClient(reconnection=False, http_session=session)
        try:
            yield client
        finally:
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_S):
                    await client.shutdown()


def code(refusal: object) -> str | None:
    """The code of the problem that a handshake was refused with, if it was one."""
    data = refusal.get("data") if isinstance(refusal, Mapping) else None
    return data.get("code") if isinstance(data, Mapping) else None


def words(refusal: object) -> str:
    """A refusal as one phrase."""
    return str(refusal["message"] if isinstance(refusal, Mapping) and "message" in refusal else refusal)
