"""Socket.IO v5 packets: read from a client that may send anything, encoded once for many sockets.

What is encoded is the whole packet of Engine.IO, which is why it begins with a 4.

The source of every rule: https://socket.io/docs/v4/socket-io-protocol/#packet-encoding.
"""

import json
import re
from collections.abc import Mapping
from enum import IntEnum
from typing import Any, NamedTuple

from pydantic_core import from_json, to_json

from confab.domain.errors import InvalidRequest
from confab.domain.models import Model
from confab.domain.requests import require_distinct_names

MAX_ATTACHMENTS = 999
"""Binary attachments that a packet may announce."""
MAIN = "/"
"""The namespace of every packet that names none."""

Payload = Mapping[str, Any] | Model
"""What an event carries; models, also within it, become what they are on the wire."""


class Malformed(Exception):
    """What a client sent breaks the protocol: its session ends."""


class Kind(IntEnum):
    """A packet's type."""

    CONNECT = 0
    DISCONNECT = 1
    EVENT = 2
    ACK = 3
    CONNECT_ERROR = 4
    BINARY_EVENT = 5
    BINARY_ACK = 6


BINARY = frozenset({Kind.BINARY_EVENT, Kind.BINARY_ACK})
EVENTS = frozenset({Kind.EVENT, Kind.BINARY_EVENT})


class Packet(NamedTuple):
    """A packet as it came, its JSON not read yet."""

    kind: Kind
    attachments: int
    namespace: str
    id: int | None
    json: str


_HEAD = re.compile(r"([0-6])(?:([1-9]\d{0,2})-)?(?:(/[^,]*),?)?(\d{0,16})", re.ASCII)
"""Type, number of attachments, namespace and id, which stand before the JSON."""


def split(text: str) -> Packet:
    """A packet's parts. Raises Malformed."""
    if (head := _HEAD.match(text)) is None:
        raise Malformed("no packet")
    kind, attachments, namespace, number = head.groups()
    packet = Packet(
        Kind(int(kind)),
        int(attachments or 0),
        namespace or MAIN,
        int(number) if number else None,
        text[head.end() :],
    )
    if (attachments is not None) != (packet.kind in BINARY):
        raise Malformed("a number of attachments")
    return packet


def read(text: str) -> Any:
    """The value of a packet's JSON: RFC 8259 without repeated names, nested to a bounded depth.

    Raises Malformed if it is no JSON, and InvalidRequest if it is JSON that is not taken.
    """
    try:
        value = from_json(text, allow_inf_nan=False)
        require_distinct_names(text)
    except ValueError as error:
        if not _is_json(text):
            raise Malformed("no JSON") from error
        raise InvalidRequest.field("", "is nested too deeply, or has text that is not Unicode") from error
    return value


def has_much_structure(text: str, most: int) -> bool:
    """Whether JSON has more than `most` characters outside of its strings: these are what costs to read."""
    if len(text) <= most:
        return False
    if text.count('"') - text.count('\\"') > 2 * most + 2:
        return True
    return len(_TEXTS.sub("", text)) > most


_TEXTS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
"""JSON's texts, also one that does not end: no character is looked at twice."""


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except RecursionError:
        return True
    except ValueError:
        return False
    return True


def size(text: str) -> int:
    """The bytes of a text in UTF-8."""
    return len(text) if text.isascii() else len(text.encode())


def event(name: str, data: Payload) -> bytes:
    """An event without an id."""
    return b"42" + to_json([name, data], by_alias=True)


def acknowledgement(packet_id: int, data: Mapping[str, Any]) -> str:
    """The answer to an event that has an id."""
    return f"43{packet_id}" + to_json([data], by_alias=True).decode()


def connected(sid: str) -> str:
    """The acceptance of a handshake."""
    return "40" + to_json({"sid": sid}).decode()


def connect_error(message: str, data: Mapping[str, Any]) -> str:
    """The refusal of a handshake."""
    return "44" + to_json({"message": message, "data": data}).decode()


def unknown_namespace(namespace: str) -> str:
    """The refusal of a handshake in another namespace."""
    return f'44{namespace},{{"message":"Invalid namespace"}}'
