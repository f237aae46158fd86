"""Connections that are read a little at a time, so that one which sends much does not delay the others."""

import asyncio

READ_BYTES = 8_192
"""What is read of a connection in one turn of the event loop; by itself asyncio reads 262,144 bytes."""

_buffer = memoryview(bytearray(READ_BYTES))
"""Of all connections: what is read into it is taken out before the next one is read."""


class SmallReads(asyncio.BufferedProtocol, asyncio.Protocol):
    """Receives READ_BYTES in a turn of the event loop, on the one thread that has one."""

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - of asyncio's interface
        """What the next read goes into."""
        return _buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Take over what was read."""
        self.data_received(bytes(_buffer[:nbytes]))
