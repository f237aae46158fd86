"""A TCP proxy that puts a server at a distance: `python -m tests.bench.away PORT SERVER_PORT MILLISECONDS`.

Everything passes so many milliseconds later in each direction, and up to one more: the event loop's
timers have a resolution of one.
"""

import asyncio
import sys
from asyncio import StreamReader, StreamWriter
from contextlib import suppress

CHUNK_BYTES = 1 << 18
PORT, SERVER_PORT, DELAY_S = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]) / 1e3


async def _serve() -> None:
    listener = await asyncio.start_server(_connected, "127.0.0.1", PORT)
    await listener.serve_forever()


async def _connected(reader: StreamReader, writer: StreamWriter) -> None:
    far_reader, far_writer = await asyncio.open_connection("127.0.0.1", SERVER_PORT)
    await asyncio.gather(_pass(reader, far_writer), _pass(far_reader, writer))


async def _pass(reader: StreamReader, writer: StreamWriter) -> None:
    later = asyncio.get_running_loop().call_later
    with suppress(ConnectionError):  # either side may be killed
        while chunk := await reader.read(CHUNK_BYTES):
            later(DELAY_S, writer.write, chunk)
    later(DELAY_S, writer.close)


if __name__ == "__main__":
    asyncio.run(_serve())
