"""Socket.IO packets: read from a client that may send anything, and encoded once for many sockets."""

import re
import types
from base64 import b64decode
from collections.abc import Mapping
from typing import Any

from engineio.packet import MESSAGE
from engineio.packet import Packet as EnginePacket
from pydantic_core import from_json, to_json
from socketio.packet import Packet

from confab.domain.errors import InvalidRequest
from confab.domain.models import Model
from confab.domain.requests import require_distinct_names
from confab.realtime.wire import text_frame

DIGITS = frozenset("0123456789")
EVENT_HEAD = re.compile(r"[25](\d{1,9}-)?(/[^,\[]*,)?\d{0,15}", re.ASCII)
"""An event's type, attachment count, namespace and id, which stand before its JSON."""


def _loads(text: str, **_: object) -> Any:
    value = from_json(text, allow_inf_nan=False)
    require_distinct_names(text)
    return value


json = types.SimpleNamespace(dumps=lambda value, **_: to_json(value).decode(), loads=_loads)
"""The codec of Socket.IO packets: RFC 8259 without repeated names, nested to a bounded depth.

The library keeps it on its packet class, where `Transport` puts it.
"""


Payload = Mapping[str, Any] | Model
"""What an event carries; models, also within it, become what they are on the wire."""


def event(name: str, data: Payload) -> EnginePacket:
    """An event of the namespace `/`, without an acknowledgement."""
    return EnginePacket(MESSAGE, "2" + to_json([name, data], by_alias=True).decode())


def acknowledgement(packet_id: int, data: Mapping[str, Any]) -> EnginePacket:
    """The answer to an event of the namespace `/` that has an id."""
    return EnginePacket(MESSAGE, f"3{packet_id}" + to_json([data], by_alias=True).decode())


def connected(sid: str) -> EnginePacket:
    """The acceptance of a handshake in the namespace `/`."""
    return EnginePacket(MESSAGE, "0" + to_json({"sid": sid}).decode())


def connect_error(message: str, data: Mapping[str, Any]) -> EnginePacket:
    """The refusal of a handshake in the namespace `/`."""
    return EnginePacket(MESSAGE, "4" + to_json({"message": message, "data": data}).decode())


def frame(packet: EnginePacket) -> bytes:
    """The WebSocket frame of a text packet, built once for all sockets that it goes to."""
    built: bytes | None = getattr(packet, "frame", None)
    if built is None:
        built = packet.frame = text_frame(packet.encode().encode())
    return built


def size(text: str) -> int:
    """The bytes of a text in UTF-8."""
    return len(text) if text.isascii() else len(text.encode())


def received(encoded: str | bytes, *, most_bytes: int) -> EnginePacket:
    """The Engine.IO packet that a client sent, its text as it came: the library would decode JSON in it.

    Raises ValueError for what is none, and for binary data of more than `most_bytes`.
    """
    if isinstance(encoded, str) and encoded[:1] in DIGITS:
        return EnginePacket(int(encoded[0]), encoded[1:])
    if len(encoded) > most_bytes:
        raise ValueError("the binary data is too long")
    if isinstance(encoded, bytes):
        return EnginePacket(MESSAGE, encoded)
    if encoded[:1] != "b":
        raise ValueError("not an Engine.IO packet")
    return EnginePacket(MESSAGE, b64decode(encoded[1:], validate=True))


def decode(text: str) -> Packet | None:
    """The packet in a text; an event whose JSON is broken comes without data, to be refused."""
    try:
        return Packet(encoded_packet=text)
    except (ValueError, TypeError, InvalidRequest):
        return head(text)


def head(text: str) -> Packet | None:
    """The event that a text begins with, without its data, which is not read; None for other packets."""
    found = EVENT_HEAD.match(text)
    return Packet(encoded_packet=found[0]) if found else None
