"""One user's way to their conversations: the REST operations, and rooms that are followed live."""

import logging
import math
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from types import EllipsisType
from typing import Any, Self, Unpack
from urllib.parse import quote

import httpx

from confab_client.connection import Connection, Receive
from confab_client.errors import ConfabError
from confab_client.follower import Follower
from confab_client.models import (
    Conversation,
    Draft,
    Entry,
    Erased,
    Erasure,
    Message,
    Page,
    entry,
    given,
    parsed,
)
from confab_client.rest import Rest
from confab_client.room import Room
from confab_client.tokens import GetToken, Tokens

log = logging.getLogger(__name__)
ROOMS = 100
"""On one connection: the server's default CONFAB_MAX_ROOMS_PER_SOCKET."""
ROOT = "/api/conversations"
Metadata = Mapping[str, Any]


class Confab:
    """Calls operations and follows rooms as one user. Every call raises ConfabError when it fails.

    `get_token` returns a valid Firebase ID token whenever it is called: a ServiceIdentity, or one's own.
    A call is tried `attempts` times where that may help. `timeout_s` limits each wait for progress, not a
    transfer. From the third failure in a row on, `on_problem` and the log are told why a followed room is not
    live.
    """

    def __init__(
        self,
        url: str,
        get_token: GetToken,
        *,
        attempts: int = 4,
        timeout_s: float = 15.0,
        on_problem: Callable[[ConfabError], None] = lambda _: None,
    ) -> None:
        self._http = httpx.AsyncClient(base_url=url, timeout=timeout_s, trust_env=False)
        self._tokens = Tokens(get_token)
        self._rest = Rest(self._http, self._tokens, attempts)
        self._on_problem = on_problem
        self._connections: list[Connection] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        for connection in self._connections:
            await connection.close()
        await self._http.aclose()

    async def create(
        self, type: str = "chat", members: Sequence[str | tuple[str, str]] = (), **fields: Any
    ) -> Conversation:
        """Start a conversation. A member is a uid, or a uid and an access ("write", "read").

        `fields` are `title`, `metadata`, and `key`: with the same one again the same conversation returns.
        """
        pairs = [(member, "write") if isinstance(member, str) else member for member in members]
        listed = [{"userId": uid, "access": access} for uid, access in pairs]
        key = fields.pop("key", None) or str(uuid.uuid4())
        body = given(type=type, members=listed, **fields)
        return parsed(Conversation, await self._rest.call("POST", ROOT, body=body, key=key))

    async def conversations(
        self, *, status: str | None = None, limit: int | None = None
    ) -> AsyncIterator[Conversation]:
        """Every conversation that the user owns or is a member of, latest activity first; `limit` a page."""
        query, more = given(status=status, limit=limit), True
        while more:
            page = await self._rest.call("GET", ROOT, query=query)
            for found in page["conversations"]:
                yield parsed(Conversation, found)
            query["cursor"], more = page["nextCursor"], page["nextCursor"] is not None

    async def get(
        self, id: str, *, limit: int | None = None, after: int | None = None, before: int | None = None
    ) -> Page:
        """A conversation and a page of its messages: the newest, or those next to a number."""
        query = given(limit=limit, after=after, before=before)
        return parsed(Page, await self._rest.call("GET", _path(id), query=query))

    async def read_log(self, id: str, *, after: int = 0) -> AsyncIterator[Entry | Erased]:
        """Every entry above `after` that there is now, page by page."""
        more = True
        while more:
            page = await self._rest.call("GET", f"{_path(id)}/log", query={"after": after})
            for found in page["entries"]:
                after = found["seq"]
                yield entry(found)
            more = page["hasMore"]

    async def add_message(self, id: str, content: str, **draft: Unpack[Draft]) -> Message:
        """Write a message. The same `client_message_id` is stored once, however often it is sent."""
        body = given(client_message_id=str(uuid.uuid4())) | given(content=content, **draft)
        return parsed(Message, await self._rest.call("POST", f"{_path(id)}/messages", body=body))

    async def edit_message(
        self, id: str, seq: int, *, content: str | None = None, metadata: Metadata | None = None
    ) -> Message:
        """Change one of the user's own messages; what is left out stays as it is."""
        body = given(content=content, metadata=metadata)
        return parsed(Message, await self._rest.call("PATCH", f"{_path(id)}/messages/{seq}", body=body))

    async def delete_message(self, id: str, seq: int) -> Message:
        """Delete a message: one's own, or any as the owner. It keeps its number, author, role and times."""
        return parsed(Message, await self._rest.call("DELETE", f"{_path(id)}/messages/{seq}"))

    async def update(self, id: str, title: str | EllipsisType | None = ..., **fields: Any) -> Conversation:
        """Rename (None clears), replace the `metadata`, or hand over to a member (`owner`), as the owner."""
        body = given(**fields) | ({} if title is ... else {"title": title})
        return parsed(Conversation, await self._rest.call("PATCH", _path(id), body=body))

    async def set_member(self, id: str, user_id: str, access: str = "write") -> Conversation:
        """Add a member, who can read the whole log, or change the access of one ("write", "read")."""
        found = await self._rest.call("PUT", _member(id, user_id), body={"access": access})
        return parsed(Conversation, found)

    async def remove_member(self, id: str, user_id: str) -> Conversation | None:
        """Remove a member, as the owner, or leave, which returns None."""
        found = await self._rest.call("DELETE", _member(id, user_id), ends=True)
        return None if found is None else parsed(Conversation, found)

    async def finalize(self, id: str) -> Conversation:
        """Lock a conversation permanently; doing so again has no effect."""
        return parsed(Conversation, await self._rest.call("POST", f"{_path(id)}/finalize"))

    async def delete(self, id: str) -> None:
        """Delete a conversation with everything in it, as its owner."""
        await self._rest.call("DELETE", _path(id), ends=True)

    async def erase_me(self) -> Erasure:
        """Erase the user's conversations, messages and memberships, for at most 5 s; repeat until `done`."""
        return parsed(Erasure, await self._rest.call("DELETE", "/api/me"))

    def follow(
        self,
        id: str,
        after: int | None = None,
        *,
        realtime_url: str | None = None,
        attempts: float = math.inf,
    ) -> Room:
        """Follow a room: `async for entry in client.follow(id, after=n)` gets each above n once, in order.

        Without `after`, the newest page of messages comes first. `attempts` limits the failures in a row; by
        default a room comes back for as long as that is possible.
        """

        async def connect(receive: Receive) -> Connection:
            url = realtime_url or (await self.get(id, limit=1)).conversation.realtime_url
            usable = (
                c for c in self._connections if c.url == url and id not in c.rooms and len(c.rooms) < ROOMS
            )
            if (connection := next(usable, None)) is None:
                connection = Connection(url, self._tokens, self._tell)
                self._connections.append(connection)
            connection.rooms[id] = receive
            return connection

        return Room(id, Follower(id, after), connect, self.add_message, attempts)

    def _tell(self, error: ConfabError) -> None:
        log.warning("a room is not live: %s", error)
        try:
            self._on_problem(error)
        except Exception:
            log.exception("on_problem raised")


def _path(id: str) -> str:
    return f"{ROOT}/{quote(id, safe='')}"


def _member(id: str, user_id: str) -> str:
    return f"{_path(id)}/members/{quote(user_id, safe='')}"
