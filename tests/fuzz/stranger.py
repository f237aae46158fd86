"""A stranger: what it sends on its connections is drawn from the seed and its number, good or broken."""

import asyncio
import random
import re
from base64 import b64encode
from collections import Counter, deque
from collections.abc import Coroutine
from contextlib import suppress
from itertools import count
from struct import pack
from typing import Any

from tests.hostile.attacks.malformed import UPGRADE
from tests.hostile.raw import POLLING, WEBSOCKET, http
from tests.support.users import user

PATIENCE_S = 3.0
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
FIN, MASKED = 0x80, 0x80
INTERNAL_ERROR = b"\x88\x02\x03\xf3"
"""The frame that closes a WebSocket with 1011."""
KNOWN = r"""
1 2 3 5 5x 6 0 2probe 40 40{} 40/other, 40/other 41 41/other, 42 42["a"] 427["a"] 420["\ud800"] 42[] 42[null]
42["a" 42["a",{"b":1,"b":2}] 451-["a"] 452-7["a"] 45["a"] 421-["a"] 451000-["a"] 43 430[] 461-0[] 44{}
42/other,["a"] 421["join",{"conversationId":"ROOM","after":0}] 423["leave",{"conversationId":"ROOM"}]
422["typing",{"conversationId":"ROOM","typing":true}] 424["message",{"conversationId":"ROOM"}]
"""
PACKETS = tuple(KNOWN.split())
"""Packets of the protocol, and near misses."""
LARGE = (b'429["message","', b"42" + b"[" * 2_000, b"b", b"3", b"42\xed\xa0\x80")
"""How large ones begin."""
NAMES = """
Origin Expect Connection Upgrade X-Forwarded-For Access-Control-Request-Headers Content-Encoding
Content-Length Transfer-Encoding Sec-WebSocket-Key Sec-WebSocket-Version
Sec-WebSocket-Extensions Sec-WebSocket-Protocol
"""
ODD = "/x/\xff/\xb2/0/-1/7/500000/13, 8/a,b,,/::1%\xff/gzip/gzip, chunked/chunked"
ODD += f"/identity/websocket/h2c/close, Upgrade/100-continue/{'9' * 20}/{'1' * 7_000}"
HEADERS, VALUES = NAMES.split(), ODD.split("/")


def frame(data: bytes, opcode: int = TEXT, *, first: int = FIN, mask: int = MASKED, lie: int = 0) -> bytes:
    """A client's frame, whose mask changes nothing; `first` stands beside the opcode, `lie` is a size."""
    size = lie or len(data)
    if size < 126:
        length = pack("!B", mask | size)
    else:
        length = pack("!BH", mask | 126, size) if size < 65_536 else pack("!BQ", mask | 127, size)
    return bytes((first | opcode,)) + length + (bytes(4) if mask else b"") + data


class Strangers:
    """What all of them share."""

    def __init__(self, seed: int, addresses: list[str], room: str) -> None:
        self.seed = seed
        self.addresses = addresses
        self.room = room
        self.sids: deque[str] = deque(["x"], maxlen=32)
        """Of sessions that somebody has opened."""
        self.answers: Counter[str] = Counter()
        self.failures: list[str] = []
        self.numbers = count(1)

    def __str__(self) -> str:
        answers = ", ".join(f"{number} x {answer}" for answer, number in sorted(self.answers.items()))
        return f"{sum(self.answers.values())} answers: {answers}"


class Stranger:
    """One of them."""

    def __init__(self, strangers: Strangers, number: int) -> None:
        self._all = strangers
        self._name = f"seed {strangers.seed}, stranger {number}"
        self._random = random.Random(self._name)
        self._pick = self._random.choice
        self._address = self._pick(strangers.addresses)
        self._token = user("rita").token if self._likely(0.6) else "bad"

    async def live(self) -> None:
        """Do a few things, one after the other."""
        moves = [self._break_http, self._poll, self._poll, self._speak, self._speak, self._take_over]
        for _ in range(self._random.randint(1, 3)):
            await self._pick(moves)()

    # What it does.

    async def _break_http(self) -> None:
        path = self._pick((POLLING, WEBSOCKET, f"{POLLING}&sid={self._sid()}", "/socket.io/?EIO=4&sid=%ff"))
        method = self._pick(("GET", "POST", "OPTIONS", "HEAD", "PUT", "F{}O"))
        request = http(method, path, self._headers(3), self._body())
        await self._talk(self._broken(request) if self._likely(0.7) else request)

    async def _poll(self) -> None:
        """Poll and post, at the same time and in any order, in a session of its own or another's."""
        opened = await self._talk(http("GET", POLLING, self._headers(0.1)), kept=True)
        sid = opened[-1] if opened else self._sid()
        self._all.sids.append(sid)
        await self._talk(self._post(sid, self._connect()), kept=True)
        doing: list[Coroutine[Any, Any, object]] = []
        for _ in range(self._random.randint(1, 6)):
            target = sid if self._likely(0.9) else self._sid()
            poll, post = http("GET", f"{POLLING}&sid={target}"), self._post(target, self._body())
            doing.append(self._talk(poll if self._likely(0.4) else post, kept=self._likely(0.7)))
            if self._likely(0.5):
                await asyncio.gather(*doing)
                doing.clear()
        if self._likely(0.4):
            doing.append(self._take_over(sid))
        await asyncio.gather(*doing)

    async def _speak(self) -> None:
        """Open a session on a WebSocket."""
        await self._talk(self._handshake(WEBSOCKET) + frame(self._connect()) + self._frames())

    async def _take_over(self, sid: str = "") -> None:
        """Upgrade a session, or do a part of it."""
        steps = self._pick(((b"2probe", b"5"), (b"2probe", b"5"), (b"2probe",), (b"5", b"2probe"), ()))
        path = f"{WEBSOCKET}&sid={sid or self._sid()}"
        await self._talk(self._handshake(path) + b"".join(map(frame, steps)) + self._frames())

    # What it says.

    def _likely(self, share: float) -> bool:
        return self._random.random() < share

    def _sid(self) -> str:
        return self._pick(self._all.sids)

    def _connect(self) -> bytes:
        return f'40{{"token":"{self._token}"}}'.encode()

    def _headers(self, most: float) -> dict[str, str]:
        names = self._random.sample(HEADERS, int(self._random.random() * (most + 1)))
        return {name: self._pick(VALUES) for name in names}

    def _handshake(self, path: str) -> bytes:
        return http("GET", path, UPGRADE | self._headers(0.2))

    def _packet(self) -> bytes:
        kind, noise = self._random.random(), self._random.randbytes(self._random.randint(0, 200))
        if kind < 0.6:
            return self._pick(PACKETS).replace("ROOM", self._all.room).encode()
        if kind < 0.9:
            return self._pick((self._connect(), b"b" + b64encode(noise), b"4" + noise))
        return self._pick(LARGE) + b"a" * self._pick((20_000, 70_000, 700_000))

    def _body(self) -> bytes:
        return b"\x1e".join(self._packet() for _ in range(self._pick((0, 1, 1, 2, 3, 5, 300, 1_001))))

    def _post(self, sid: str, body: bytes) -> bytes:
        """Whole, in chunks that may be broken, or with a length that is not the body's."""
        path, how = f"{POLLING}&sid={sid}", self._random.random()
        if how < 0.6:
            return http("POST", path, self._headers(0.1), body)
        if how < 0.8:
            cut = self._random.randint(0, len(body))
            parts = (body[:cut], body[cut:], b"") if 0 < cut < len(body) else (body, b"")
            chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
            sent = http("POST", path, {"Transfer-Encoding": "chunked"}, chunks)
            return self._broken(sent) if how > 0.75 else sent
        length = len(body) + self._pick((-1, 1, 10**6))
        return http("POST", path, {"Content-Length": str(length)}, body)

    def _frames(self) -> bytes:
        return b"".join(self._frame() for _ in range(self._random.randint(0, 8)))

    def _frame(self) -> bytes:
        """A message, whole or in parts, a control frame, or what is neither."""
        data, kind = self._packet(), self._random.random()
        if kind < 0.5:
            return frame(data, self._pick((TEXT, TEXT, TEXT, BINARY)))
        if kind < 0.7:
            parts = frame(data[:9], first=0), frame(b"p", PING), frame(data[9:], CONTINUATION)
            return b"".join(self._random.choices(parts, k=3) if kind < 0.55 else parts)
        if kind < 0.8:
            size, first = self._pick(((125, FIN), (125, FIN), (10**6, FIN), (125, 0)))
            return frame(data[:size], self._pick((PING, PONG, CLOSE)), first=first)
        if kind < 0.9:
            lie = self._pick((1, 5, 126, 65_536, 10**7, 2**31, 2**63, 2**64 - 1))
            return frame(data, self._pick((TEXT, BINARY, PING)), lie=lie)
        first, opcode = divmod(self._random.randint(0, 255), 16)
        return frame(data, opcode, first=first << 4, mask=self._pick((0, MASKED)))

    def _broken(self, sent: bytes) -> bytes:
        """The same with some bytes changed, cut out or repeated."""
        data = bytearray(sent)
        for _ in range(self._random.randint(1, 4)):
            start = self._random.randint(0, min(len(data), 400))
            part = slice(start, start + self._pick((0, 1, 1, 8, 100)))
            data[part] = self._pick((b"", self._random.randbytes(1), data[part] * 2, b"\r\n", b"\0"))
        return bytes(data)

    # How it says it.

    async def _talk(self, sent: bytes, *, kept: bool = False) -> list[str]:
        """Send it in pieces, wait and leave in some way; the ids of sessions that came back.

        One that is `kept` is read until the server ends it, or the time is over.
        """
        cuts = sorted(self._random.choices(range(len(sent) + 1), k=self._pick((0, 0, 1, 3))))
        pauses, leaves_s = [self._pick((0, 0.001, 0.1)) for _ in cuts], self._pick((0, 0.01, 0.3, 1.5))
        ends, resets, received = self._likely(0.2), self._likely(0.3), bytearray()
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                reader, writer = await asyncio.open_connection(*self._address.split(":"))
                reading = asyncio.create_task(_read(reader, received))
                try:
                    for start, end, pause in zip([0, *cuts], [*cuts, len(sent)], [*pauses, 0], strict=True):
                        writer.write(sent[start:end])
                        await asyncio.sleep(pause)
                    if ends:
                        writer.write_eof()
                    await asyncio.wait({reading}, timeout=None if kept else leaves_s)
                finally:
                    reading.cancel()
                    writer.transport.abort() if resets else writer.close()
        self._judge(sent, bytes(received))
        return [sid.decode() for sid in re.findall(rb'"sid":"([\w-]+)"', received)]

    def _judge(self, sent: bytes, received: bytes) -> None:
        answers = [status.decode() for status in re.findall(rb"(?m)^HTTP/1\.[01] (\d{3})", received)]
        self._all.answers.update(answers or ["none"])
        bad = [answer for answer in answers if answer >= "500" and answer != "503"]
        bad += ["1011"] if INTERNAL_ERROR in received else []
        self._all.failures += [f"{self._name}: {answer} to {sent[:600]!r}" for answer in bad]


async def _read(reader: asyncio.StreamReader, received: bytearray) -> None:
    with suppress(OSError):
        while piece := await reader.read(65_536):
            received += piece
