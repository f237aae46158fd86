"""Bodies that are packed, large, full of errors, deep, or no text: refused, and cheaply."""

import gzip
import json
import struct
import zlib
from collections.abc import Sequence
from functools import partial
from typing import Any

from tests.hostile.attacks.attack import Attack, check_bounds
from tests.hostile.attacks.requests import INSTANCE, USER, Case, table_attack
from tests.hostile.attempt import ADD, CREATE, GET, Attempt

INVALID = "invalid_request"
TAKEN: dict[str, Any] = {"allowed": (201,)}
REFUSED: dict[str, Any] = {"allowed": (400,), "code": INVALID}
UNREAD = (0, 400, 411, 413, 415)
"""Statuses for a body that is refused unread."""
TOO_LARGE = (0, 413)
"""The connection may end before an answer is read: the server does not read on."""
MIB = 1024 * 1024
BOMB_MIB = 1_000
RAW = -15
"""The size of the window that means deflate without a head."""
GZIP_HEAD = b"\x1f\x8b\x08\0\0\0\0\0\2\xff"
BODY_BYTES = (65_430, 262_100)
"""Just below a power of two; the larger is the most that a body may have."""
JSONP = b"d=4" + b"&a=b" * (MIB // 4 - 8)
EVENT = b'42["x","' + b"a" * 750_000 + b'"]'
DEEPEST, DEEP = 62, (65, 199)
"""Levels below `metadata` that are taken, and that are not."""
BAD = {"U+0000": r"a\u0000b", "a high surrogate": r"a\ud800b", "a low surrogate": r"\udc00"}
STORABLE = ("U+0000", "metadata")
EVENTS = ("join", "leave", "message", "typing", "auth")


def gzip_bomb(mib: int) -> bytes:
    """So many MiB of zeros, each packed in a kilobyte: the same one, so that this takes no 4 s."""
    zeros, packer, check = bytes(MIB), zlib.compressobj(9, wbits=RAW), 0
    packed = packer.compress(zeros) + packer.flush(zlib.Z_FULL_FLUSH)
    for _ in range(mib):
        check = zlib.crc32(zeros, check)
    return GZIP_HEAD + packed * mib + packer.flush() + struct.pack("<LL", check, mib * MIB)


def unknown_fields(count: int) -> dict[str, int]:
    """So many keys that nobody knows."""
    return {f"{number:x}": 1 for number in range(count)}


def nested(levels: int) -> str:
    """A JSON object of so many levels below its own."""
    return '{"a":' + "[" * levels + "]" * levels + "}"


def encoded(to: str, encoding: str, bodies: Sequence[bytes]) -> list[Case]:
    """Bodies with a Content-Encoding, which nobody reads."""
    headers = {"Content-Encoding": encoding}
    return [Case(encoding, to, body, headers=headers, allowed=UNREAD) for body in bodies]


def bombs(attempt: Attempt) -> list[Case]:
    """A gigabyte in a megabyte."""
    return encoded(INSTANCE, "gzip", [gzip_bomb(BOMB_MIB)] * attempt.count(10, 1))


def encodings(_: Attempt) -> list[Case]:
    connect, garbage = b'40{"token":"x"}', b"garbage"
    packed, wish = gzip.compress(connect), gzip.compress(b'{"type":"chat"}')
    deflated = [zlib.compress(connect), zlib.compress(connect, wbits=RAW), garbage]
    return [
        *encoded(INSTANCE, "gzip", [packed, garbage]),
        *encoded(INSTANCE, "deflate", deflated),
        *encoded(INSTANCE, "br", [b"\x0b\x02\x80abc\x03", garbage]),
        *encoded(INSTANCE, "zstd", [garbage]),
        *encoded(INSTANCE, "gzip, gzip", [gzip.compress(packed)]),
        *encoded(INSTANCE, "nonsense", [connect]),
        *encoded(CREATE, "gzip", [wish, gzip_bomb(BOMB_MIB // 5), garbage]),
    ]


def large(attempt: Attempt, *, name: str, body: bytes, query: str = "") -> list[Case]:
    """A large body, each time in a new session."""
    return [Case(name, INSTANCE, body, query)] * attempt.count(20, 3)


def oversized(attempt: Attempt) -> list[Case]:
    """Bodies that are too large: as announced, as sent whole, and in chunks without an end."""
    chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n"
    chunked = {"Transfer-Encoding": "chunked"}
    cases = [
        Case("announced", ADD, b"{}", headers={"Content-Length": str(10**9)}, allowed=TOO_LARGE),
        Case("whole", ADD, b" " * 10 * MIB, allowed=TOO_LARGE),
        Case("in chunks", ADD, chunk * 160, headers=chunked, allowed=TOO_LARGE),
    ]
    return cases * attempt.count(20, 1)


def errors(attempt: Attempt) -> list[Case]:
    """Members that are numbers, and keys that nobody knows in bodies and queries."""
    cases = []
    for size in BODY_BYTES:
        ones = "1," * (size // 2 - 16)
        unknown = json.dumps(unknown_fields(size // 11)).encode()
        cases.append(Case("members", CREATE, f'{{"type":"chat","members":[{ones}1]}}'.encode()))
        cases += [Case(f"unknown keys of {to}", to, unknown) for to in (CREATE, ADD)]
    fields = "&".join(f"{key}=1" for key in unknown_fields(9_000))
    query = Case("unknown keys of a query", GET, query=f"/absent?{fields}")
    return cases + [*cases[:3], query] * attempt.count(40, 4)


def texts(_: Attempt) -> list[Case]:
    """Bad characters in every text that is stored."""
    places = {
        "title": (CREATE, '{"type":"chat","title":"BAD"}'),
        "members": (CREATE, '{"type":"chat","members":[{"userId":"BAD"}]}'),
        "metadata": (CREATE, '{"type":"chat","metadata":{"a":"BAD"}}'),
        "content": (ADD, '{"content":"BAD"}'),
    }
    return [
        Case(f"{name} in {place}", to, body.replace("BAD", bad).encode(), **answer)
        for name, bad in BAD.items()
        for place, (to, body) in places.items()
        for answer in [{} if (name, place) == STORABLE else REFUSED]
    ]


def depths(_: Attempt) -> list[Case]:
    """Metadata at the deepest level that is taken, and beyond."""
    return [
        Case(f"{levels} levels", to, f'{{{rest},"metadata":{nested(levels)}}}'.encode(), **answer)
        for to, rest in ((CREATE, '"type":"chat"'), (ADD, '"content":"x"'))
        for levels, answer in ((DEEPEST, TAKEN), *((each, REFUSED) for each in DEEP))
    ]


async def events(attempt: Attempt) -> None:
    """Each event of the socket with thousands of unknown fields, and a message with a bad character."""
    room = await attempt.conversation(USER, [])
    sent: list[tuple[str, dict[str, Any]]] = [(event, unknown_fields(2_000)) for event in EVENTS]
    sent.append(("message", {"conversationId": room, "content": "a\0b"}))
    attempt.outcome.sent = f"{', '.join(EVENTS)} with 18 KB of unknown keys; a message with U+0000"
    socket = await attempt.socket(USER)
    await attempt.begin()
    for event, payload in sent * attempt.count(10, 1):
        ack = await socket.call(event, payload)
        check_bounds(attempt, event, json.dumps(ack).encode())
        if ack["ok"] or ack["error"]["code"] != INVALID:
            attempt.fail(f"{event} was acknowledged with {str(ack)[:200]}")
    await socket.close()


ATTACKS = (
    table_attack("gzip-bomb", bombs),
    table_attack("encodings", encodings),
    table_attack("polling-jsonp", partial(large, name="JSONP", body=JSONP, query="&j=0"), at_a_time=20),
    table_attack("polling-event", partial(large, name="EVENT", body=EVENT), at_a_time=20),
    table_attack("errors", errors, at_a_time=40, within_s=30, most_s=90),
    Attack("errors-events", events),
    table_attack("oversized", oversized, at_a_time=20),
    table_attack("text", texts),
    table_attack("depth", depths),
)
