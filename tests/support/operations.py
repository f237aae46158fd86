"""Every REST operation and every socket event, as one user after the other asks for it in a conversation."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.support.wire import WireSocket

ONE = "/api/conversations/{room}"
OWN, ANOTHERS = f"{ONE}/messages/{{own}}", f"{ONE}/messages/{{carols}}"
TEXT, AS_ASSISTANT = {"content": "x"}, {"content": "x", "role": "assistant"}
REST: Mapping[str, tuple[str, str, object]] = {
    "create_conversation": ("POST", "/api/conversations", {"type": "chat"}),
    "list_conversations": ("GET", "/api/conversations", None),
    "get_conversation": ("GET", ONE, None),
    "read_log": ("GET", f"{ONE}/log", None),
    "add_message": ("POST", f"{ONE}/messages", TEXT),
    "add_message of an assistant": ("POST", f"{ONE}/messages", AS_ASSISTANT),
    "add_message in reply": ("POST", f"{ONE}/messages", {**TEXT, "inReplyTo": 1, "clientMessageId": "r"}),
    "edit_message of one's own": ("PATCH", OWN, {"content": "new"}),
    "edit_message of another's": ("PATCH", ANOTHERS, {"content": "new"}),
    "delete_message of one's own": ("DELETE", OWN, None),
    "delete_message of another's": ("DELETE", ANOTHERS, None),
    "update_conversation": ("PATCH", ONE, {"title": "new"}),
    "update_conversation for an owner": ("PATCH", ONE, {"owner": "carol"}),
    "set_member": ("PUT", f"{ONE}/members/new", {"access": "read"}),
    "remove_member": ("DELETE", f"{ONE}/members/carol", None),
    "remove_member oneself": ("DELETE", f"{ONE}/members/{{me}}", None),
    "finalize_conversation": ("POST", f"{ONE}/finalize", None),
    "delete_conversation": ("DELETE", ONE, None),
    "erase_me": ("DELETE", "/api/me", None),
}
EVENTS: Mapping[str, Mapping[str, object]] = {
    "join": {},
    "join after a number": {"after": 0},
    "message": TEXT,
    "message of an assistant": AS_ASSISTANT,
    "typing": {"typing": True},
    "leave": {},
    "auth": {},
    "connect": {},
}
"""By the event's name, which may be followed by what is special; `connect` joins with its handshake."""


@dataclass
class Person:
    """A user with a token and, if that is good, a socket."""

    uid: str
    token: str | None
    http: httpx.AsyncClient
    url: str
    """Of the container."""
    own: int = 1
    """The number of a message of theirs, of anybody's if they have none."""
    socket: WireSocket | None = field(default=None)

    async def asks(self, operation: str, room: str, carols: int = 1) -> str:
        """The code of the refusal; `ok`, or `absent` from a list."""
        if operation in EVENTS:
            return await self._emits(operation, room)
        method, path, body = REST[operation]
        headers = {} if self.token is None else {"Authorization": f"Bearer {self.token}"}
        target = path.format(room=room, own=self.own, carols=carols, me=self.uid)
        answer = await self.http.request(method, target, headers=headers, json=body)
        if operation == "list_conversations" and answer.is_success:
            return "ok" if room in (one["id"] for one in answer.json()["conversations"]) else "absent"
        return "ok" if answer.is_success else str(answer.json()["code"])

    async def _emits(self, operation: str, room: str) -> str:
        event, payload = operation.partition(" ")[0], {"conversationId": room, **EVENTS[operation]}
        if self.socket is None or event == "connect":
            return await self._shakes_hands(event, payload)
        if event == "typing":
            await self.socket.call("join", {"conversationId": room})
        ack = await self.socket.call(event, {"token": self.token} if event == "auth" else payload)
        return "ok" if ack["ok"] else str(ack["error"]["code"])

    async def _shakes_hands(self, event: str, payload: Mapping[str, Any]) -> str:
        """What the handshake is refused with; whoever is not admitted sends the event, too, to no avail."""
        auth = {"conversationId": payload["conversationId"]} | ({"token": self.token} if self.token else {})
        target = f"ws://{urlsplit(self.url).netloc}/socket.io/?EIO=4&transport=websocket"
        async with connect(target, compression=None, proxy=None) as wire:
            await wire.send("40" + json.dumps(auth))
            await wire.recv()
            said = str(await wire.recv())
            if said.startswith("40"):
                return "ok"
            await wire.send("420" + json.dumps([event, payload]))
            try:
                raise AssertionError(f"{event} is answered: {await wire.recv()!r}")
            except ConnectionClosed:
                return str(json.loads(said[2:])["data"]["code"])
