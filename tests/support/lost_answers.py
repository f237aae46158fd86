"""A TCP proxy that can let a request through and lose, or hold back, what is answered."""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class LosingProxy:
    """Stands before a server on loopback. Forwards everything until a test has it lose an answer."""

    def __init__(self, server_port: int) -> None:
        self.port = 0
        self.lost = 0
        self._server_port = server_port
        self._losing = False
        self._passing = asyncio.Event()
        self._passing.set()
        self._passes: int | None = None

    def hold_answers(self, *, after: int = 0) -> None:
        """Pass on that many more answers and then none; what is asked still gets there.

        An answer is what the server sends at once.
        """
        self._passes = after

    def pass_answers(self) -> None:
        """Pass on what was held back, and everything after it."""
        self._passes = None
        self._passing.set()

    def lose_next_answer(self) -> None:
        """Cut the connection on which the server answers next, instead of passing the answer on.

        The server has done by then what it was asked for.
        """
        self._losing = True

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._server_port)
        asking = asyncio.create_task(_copy(reader, there_writer))
        try:
            while chunk := await there_reader.read(65536):
                if self._losing:
                    self._losing = False
                    self.lost += 1
                    break
                await self._turn()
                writer.write(chunk)
        except ConnectionError:
            pass  # either side may vanish: that is what this is for
        finally:
            asking.cancel()
            writer.transport.abort()
            there_writer.transport.abort()

    async def _turn(self) -> None:
        """Wait until an answer may be passed on."""
        if self._passes == 0:
            self._passing.clear()
            await self._passing.wait()
        elif self._passes is not None:
            self._passes -= 1


async def _copy(reader: StreamReader, writer: StreamWriter) -> None:
    try:
        while chunk := await reader.read(65536):
            writer.write(chunk)
    except ConnectionError:
        return
    finally:
        writer.close()


@asynccontextmanager
async def losing_proxy(server_port: int) -> AsyncIterator[LosingProxy]:
    """A proxy before the server at `server_port`, on a port of its own."""
    proxy = LosingProxy(server_port)
    listener = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = listener.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        listener.close()
        await listener.wait_closed()
