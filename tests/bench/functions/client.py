"""As little of an HTTP client as a measurement takes: bytes out, an answer in, over one connection."""

import asyncio
import re
from dataclasses import dataclass

ANSWER_S = 30.0
RETRY_S = 0.001
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3})")
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)


@dataclass(frozen=True)
class Request:
    """A request, ready to be sent."""

    text: bytes

    @classmethod
    def of(cls, method: str, path: str, token: str, body: bytes = b"") -> "Request":
        """The request as a browser would send it through Hosting, as far as functions look at it."""
        lines = [
            f"{method} {path} HTTP/1.1",
            "Host: confab.example",
            f"Authorization: Bearer {token}",
            "Accept: */*",
            "Accept-Encoding: gzip, deflate",
            "User-Agent: bench",
        ]
        if method == "POST":
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        return cls("\r\n".join([*lines, "", ""]).encode() + body)


class Connection:
    """A connection that is kept alive."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def patient(cls, port: int) -> "Connection":
        """A connection to a server that is being started, as soon as it takes one."""
        async with asyncio.timeout(ANSWER_S):
            while True:
                try:
                    return cls(*await asyncio.open_connection("127.0.0.1", port))
                except ConnectionRefusedError:
                    await asyncio.sleep(RETRY_S)

    async def ask(self, request: Request) -> bytes:
        """The body of the answer; fails if it is no success."""
        self._writer.write(request.text)
        async with asyncio.timeout(ANSWER_S):
            head = await self._reader.readuntil(b"\r\n\r\n")
            status, length = _STATUS.match(head), _LENGTH.search(head)
            assert status is not None, head
            assert length is not None, head
            body = await self._reader.readexactly(int(length[1]))
        assert status[1] in (b"200", b"201"), (status[1], body)
        return body

    async def close(self) -> None:
        """Close it."""
        self._writer.close()
        await self._writer.wait_closed()
