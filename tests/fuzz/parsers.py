"""Whatever parses bytes from outside, each as a function of bytes that fails if a promise is broken.

What a parser refuses, it refuses by an error of Confab's own. What it takes is the same once it is written
and read again.
"""

import asyncio
import base64
import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import unquote

from pydantic_core import to_json
from starlette.requests import Request

from confab import trace
from confab.auth.firebase import FirebaseVerifier
from confab.conversations import _decode_cursor, cursor_after
from confab.domain import requests
from confab.domain.errors import ConfabError, Internal, InvalidRequest
from confab.domain.events import decode_event, deletion_of, encode_event, erasure_of, event_of
from confab.domain.limits import Limits
from confab.domain.models import timestamp_text
from confab.http.edge import Edge
from confab.http.routes import ROUTES
from confab.realtime import protocol
from confab.realtime.socketio import packets
from tests.support.adapters import MemoryAdapters
from tests.support.samples import NOW, conversation, finalized, message
from tests.support.users import PROJECT, user

LIMITS = Limits()
Models = tuple[type[requests.Request], ...]
BODIES: Models = (requests.CreateConversation, requests.AddMessage, requests.UpdateConversation)
BODIES += (requests.EditMessage, requests.SetMember, requests.NoFields)
EVENTS: Models = (protocol.Handshake, protocol.Join, protocol.Leave, protocol.SendMessage)
EVENTS += (protocol.SetTyping, protocol.Renew)
ROOM, API = "c1", "/api/conversations"
TOOK_S = 5.0
"""Seconds after which a parser has lost itself in a text that fits into a body."""


def body(data: bytes) -> None:
    """The JSON of a REST body, as every operation's fields."""
    value = requests.parse_json(data)
    assert requests.parse_json(to_json(value)) == value
    _fields(value, BODIES)


def packet(data: bytes) -> None:
    """A packet of Socket.IO, as every event's payload."""
    with suppress(packets.Malformed):
        text = packets.split(data.decode(errors="replace")).json
        value = packets.read(text)
        assert packets.read(to_json(value).decode()) == value
        _fields(value[1] if isinstance(value, list) and value[1:] else value, EVENTS)


def _fields(value: Any, models: Models) -> None:
    for model in models:
        with suppress(InvalidRequest):
            taken = requests.parse(model, value, LIMITS)
            again = requests.parse_json(taken.model_dump_json(by_alias=True, exclude_unset=True).encode())
            assert requests.parse(model, again, LIMITS) == taken


def cursor(data: bytes) -> None:
    """The cursor of a list."""
    found = _decode_cursor(data.decode("latin-1"))
    last = {"updatedAt": timestamp_text(found.updated_at), "id": found.conversation_id}
    assert _decode_cursor(cursor_after(last)) == found


def event(data: bytes) -> None:
    """A message on the bus."""
    try:
        found = decode_event(data)
    except ValueError:
        return
    assert decode_event(encode_event(found)) == found


def traceparent(data: bytes) -> None:
    """The headers of a trace, and the attribute on the bus."""
    text = data.decode("latin-1")
    for name in (trace.HEADER, trace.CLOUD_HEADER):
        if (found := trace.of_request({name: text})) is not None:
            assert trace.parse(str(found)) == found


def token(data: bytes) -> None:
    """An ID token of nobody's signature, and one with these claims; needs an emulator's environment."""

    async def verify(text: str) -> None:
        requests.check_user_id((await _verifier().verify(text)).uid)

    for text in (data.decode("latin-1"), f"{HEAD}.{_base64url(data)}."):
        with suppress(ConfabError):
            asyncio.run(verify(text))


@cache
def _verifier() -> FirebaseVerifier:
    return FirebaseVerifier(PROJECT, revocation_ttl_s=None)


def parts(data: bytes) -> tuple[str, bytes, bytes, bytes, bytes]:
    """A request's method, as a number of its route, and in a line each its path, query, header and body."""
    method = ROUTES[data[0] % len(ROUTES)].method if data else "GET"
    path, query, header, content = (*data[1:].split(b"\n", 3), b"", b"", b"", b"")[:4]
    return method, path, query, header, content


def request(data: bytes) -> None:
    """A request as a server hands it on."""
    method, path, query, header, content = parts(data)
    name, _, value = header.partition(b":")
    scope = {
        "type": "http",
        "method": method,
        "path": unquote(path.decode("latin-1")),
        "raw_path": API.encode() + path,
        "query_string": query,
        "headers": [(name.lower(), value), *((name, HEADERS[name]) for name in HEADERS)],
    }

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": content, "more_body": False}

    async def ask() -> None:
        adapters = MemoryAdapters()
        await adapters.store.create(conversation(ROOM), None, now=NOW)
        response = await Edge(ROUTES, adapters)(Request(scope, receive))
        assert response.status_code != Internal.status, bytes(response.body)
        assert not response.body or json.loads(bytes(response.body))

    asyncio.run(ask())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


Changes = Sequence[tuple[int, int, bytes]]
"""Where, how many bytes are cut out, and what is put there."""


def changed(data: bytes, changes: Changes) -> bytes:
    """The same with some changes."""
    for start, length, piece in changes:
        at = start % (len(data) + 1)
        data = data[:at] + piece + data[at + length :]
    return data


class Parser(NamedTuple):
    """A parser, and some of what it takes."""

    run: Callable[[bytes], None]
    samples: Sequence[bytes]

    def __call__(self, data: bytes) -> None:
        """Parse this. Raises whatever it must not raise, and AssertionError for a broken promise."""
        began = time.process_time()
        with suppress(ConfabError):
            self.run(data)
        assert time.process_time() - began < TOOK_S, "this took too long"


HEAD, CLAIMS, _ = user("alice").token.split(".")
HEADERS = {b"authorization": b"Bearer alice", b"content-type": b"application/json"}
WRITTEN = (
    b'{"content":"a","role":"user","clientMessageId":"m","metadata":{"a":[1,null,{"b":1.5}]},"inReplyTo":1}'
)
CREATED = b'{"type":"chat","title":"a","members":[{"userId":"bob","access":"read"}],"metadata":{}}'
SENT = b'421["message",{"conversationId":"c1",' + WRITTEN[1:] + b"]"
PIECES = [
    *rb""" " { [ ] } , : -1 1e999 1.0 null %2f %ff \ud800 \u0000 = & agent: [[[[[[[[ """.split(),
    *(b"", b"\0", b"\xff", b"\n", b"\xef\xbb\xbf", b"9" * 20, b"[" * 300),
]
"""What parsers stumble over."""
PARSERS: Mapping[str, Parser] = {
    "body": Parser(body, (WRITTEN, CREATED, b'{"owner":"bob"}', b'{"access":"write"}', b"\xef\xbb\xbf{}")),
    "packet": Parser(packet, (SENT, b'40{"token":"t","after":7}', b'451-/a,3["x",{}]')),
    "cursor": Parser(
        cursor,
        (cursor_after({"updatedAt": timestamp_text(NOW), "id": ROOM}).encode(), b"OTk5OTk5OTk5OTk5OTkuYQ"),
    ),
    "event": Parser(
        event,
        [
            encode_event(each)
            for each in (
                event_of(message(1), origin="o"),
                event_of(finalized(2), origin="o"),
                deletion_of(ROOM, origin="o", at=NOW),
                erasure_of("bob", origin="o", at=NOW),
            )
        ],
    ),
    "traceparent": Parser(
        traceparent, (str(trace.fresh()).encode(), b"0af7651916cd43dd8448eb211c80319c/123;o=1")
    ),
    "token": Parser(token, (base64.urlsafe_b64decode(CLAIMS + "=="), f"{HEAD}.{CLAIMS}.".encode())),
    "request": Parser(
        request,
        (
            b"\0\n\nIdempotency-Key: k\n" + CREATED,
            b"\1\nstatus=active&limit=2&cursor=MS5h\n\n",
            b"\2/c1\nafter=0&limit=null\nX-Request-Id: a\n",
            b"\5/c1/messages\n\nContent-Encoding: identity\n" + WRITTEN,
            b'\6/c1/messages/1\n\ncontent-type: application/json; charset="utf-8"\n{"content":"b"}',
            b'\10/c1/members/b%C3%B6b\n\norigin: null\n{"access":"read"}',
            b"\12/c1/log\nafter=0\nContent-Length: 0\n",
            b"\13/c1/finalize\n\n\n{}",
        ),
    ),
}
