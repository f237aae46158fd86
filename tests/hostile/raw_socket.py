"""WebSockets by hand: nothing is parsed that need not be, and nothing is read unless it is asked for."""

import asyncio

from tests.hostile.raw_http import connect

PATH = "/socket.io/?EIO=4&transport=websocket"
_KEY = "dGhlIHNhbXBsZSBub25jZQ=="
_TEXT, _CLOSE, _PING = 1, 8, 9
_SHORT, _LONG = 126, 127


def frame(text: str) -> bytes:
    """A client's frame. Its mask is zero, which the protocol allows and which costs nothing."""
    payload = text.encode()
    if len(payload) < _SHORT:
        length = bytes([0x80 | len(payload)])
    elif len(payload) < 1 << 16:
        length = bytes([0x80 | _SHORT]) + len(payload).to_bytes(2)
    else:
        length = bytes([0x80 | _LONG]) + len(payload).to_bytes(8)
    return b"\x81" + length + bytes(4) + payload


class RawSocket:
    """A WebSocket to an instance."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, address: str, *, receive_bytes: int | None = None) -> "RawSocket":
        """Connected, with a receive buffer of this size. Raises OSError if it is refused."""
        reader, writer = await connect(address, receive_bytes=receive_bytes)
        writer.write(
            f"GET {PATH} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {_KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as error:
            raise ConnectionError("the server closed the connection") from error
        if b" 101 " not in head:
            raise ConnectionError(head.decode("latin-1"))
        return cls(reader, writer)

    async def say(self, *frames: bytes) -> None:
        """Send frames. A connection that is gone takes them, too."""
        try:
            self._writer.writelines(frames)
            await self._writer.drain()
        except OSError:
            return

    async def receive(self) -> bytes | None:
        """The next text, or None once the connection is over."""
        try:
            while True:
                opcode, payload = await self._frame()
                if opcode == _CLOSE:
                    return None
                if opcode == _TEXT:
                    return payload
        except (OSError, asyncio.IncompleteReadError):
            return None

    async def receive_all(self, count: int, within_s: float) -> tuple[list[bytes], bool]:
        """At most `count` texts other than Engine.IO's own, and whether the connection is over."""
        received: list[bytes] = []
        try:
            async with asyncio.timeout(within_s):
                while len(received) < count:
                    text = await self.receive()
                    if text is None:
                        return received, True
                    if text.startswith(b"4"):
                        received.append(text)
        except TimeoutError:
            pass
        return received, False

    def close(self) -> None:
        """Reset the connection."""
        self._writer.transport.abort()

    async def _frame(self) -> tuple[int, bytes]:
        first, second = await self._reader.readexactly(2)
        length = second
        if second == _SHORT:
            length = int.from_bytes(await self._reader.readexactly(2))
        elif second == _LONG:
            length = int.from_bytes(await self._reader.readexactly(8))
        return first & 0x0F, await self._reader.readexactly(length)
