"""One user's way to their conversations: the REST operations, and rooms that are followed live."""

import logging
import math
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Self, Unpack
from urllib.parse import quote

import httpx

from confab_client.connection import Connection, Receive
from confab_client.errors import ConfabError
from confab_client.follower import Follower
from confab_client.models import Conversation, Draft, Entry, Erased, Message, Page, entry, given, parsed
from confab_client.rest import Rest
from confab_client.room import Room
from confab_client.tokens import GetToken, Tokens

log = logging.getLogger(__name__)
ROOMS = 100
"""On one connection: the server's default CONFAB_MAX_ROOMS_PER_SOCKET."""


class Confab:
    """Calls operations and follows rooms as one user. Every call raises ConfabError when it fails.

    `get_token` returns a valid Firebase ID token whenever it is called: a ServiceIdentity, or one's own. With
    CONFAB_APP_CHECK=required, whoever is no agent gives a valid App Check token likewise.
    A call is tried `attempts` times where that may help. `timeout_s` limits each wait for progress, not a
    transfer. From the third failure in a row on, `on_problem` and the log are told why a followed room is not
    live.
    """

    def __init__(
        self,
        url: str,
        get_token: GetToken,
        *,
        get_app_check_token: GetToken | None = None,
        attempts: int = 4,
        timeout_s: float = 15.0,
        on_problem: Callable[[ConfabError], None] = lambda _: None,
    ) -> None:
        self._http = httpx.AsyncClient(base_url=url, timeout=timeout_s, trust_env=False)
        self._tokens = Tokens(get_token, get_app_check_token)
        self._call = Rest(self._http, self._tokens, attempts).call
        self._on_problem = on_problem
        self._connections: list[Connection] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections; rooms that are still followed end with the code `closed`."""
        for connection in self._connections:
            connection.closed = True
            await connection.close()
        await self._http.aclose()

    async def create(
        self, type: str = "chat", members: Sequence[str | tuple[str, str]] = (), **fields: Any
    ) -> Conversation:
        """Start a conversation. A member is a uid, or a uid and an access ("write", "read").

        `fields` are `title`, `metadata`, and `key`: with the same one again the same conversation returns.
        """
        key = fields.pop("key", None) or str(uuid.uuid4())
        pairs = [(member, "write") if isinstance(member, str) else member for member in members]
        listed = [{"userId": uid, "access": access} for uid, access in pairs]
        body = given(type=type, members=listed, **fields)
        return parsed(Conversation, await self._call("POST", _path(), body=body, key=key))

    async def conversations(self, **query: str | int | None) -> AsyncIterator[Conversation]:
        """Every conversation that the user owns or is a member of, latest activity first.

        `query` is `status` ("active", "finalized") and `limit`, the size of a page.
        """
        more = True
        while more:
            page = await self._call("GET", _path(), query=given(**query))
            for found in page["conversations"]:
                yield parsed(Conversation, found)
            query["cursor"], more = page["nextCursor"], page["nextCursor"] is not None

    async def get(self, id: str, **query: int | None) -> Page:
        """A conversation and a page of its messages: the newest, or `limit` of those `after` or `before`."""
        return parsed(Page, await self._call("GET", _path(id), query=given(**query)))

    async def read_log(self, id: str, *, after: int = 0) -> AsyncIterator[Entry | Erased]:
        """Every entry above `after` that there is now, page by page."""
        more = True
        while more:
            page = await self._call("GET", _path(id, "log"), query={"after": after})
            for found in page["entries"]:
                after = found["seq"]
                yield entry(found)
            more = page["hasMore"]

    async def add_message(self, id: str, content: str, **draft: Unpack[Draft]) -> Message:
        """Write a message. The same `client_message_id` is stored once, however often it is sent."""
        body = given(client_message_id=str(uuid.uuid4())) | given(content=content, **draft)
        return parsed(Message, await self._call("POST", _path(id, "messages"), body=body))

    async def edit_message(self, id: str, seq: int, **fields: Any) -> Message:
        """Change `content` or `metadata` of one of the user's own messages."""
        return parsed(Message, await self._call("PATCH", _path(id, "messages", seq), body=given(**fields)))

    async def delete_message(self, id: str, seq: int) -> Message:
        """Delete a message: one's own, or any as the owner. It keeps its number, author, role and times."""
        return parsed(Message, await self._call("DELETE", _path(id, "messages", seq)))

    async def update(self, id: str, **fields: Any) -> Conversation:
        """Change `title` (None clears it) or `metadata`, or hand over to a member (`owner`), as the owner."""
        return parsed(Conversation, await self._call("PATCH", _path(id), body=fields))

    async def set_member(self, id: str, user_id: str, access: str = "write") -> Conversation:
        """Add a member, who can read the whole log, or change the access of one ("write", "read")."""
        body = {"access": access}
        return parsed(Conversation, await self._call("PUT", _path(id, "members", user_id), body=body))

    async def remove_member(self, id: str, user_id: str) -> Conversation | None:
        """Remove a member, as the owner, or leave, which returns None."""
        found = await self._call("DELETE", _path(id, "members", user_id), ends=True)
        return None if found is None else parsed(Conversation, found)

    async def finalize(self, id: str) -> Conversation:
        """Lock a conversation permanently; doing so again has no effect."""
        return parsed(Conversation, await self._call("POST", _path(id, "finalize")))

    async def delete(self, id: str) -> None:
        """Delete a conversation with everything in it, as its owner."""
        await self._call("DELETE", _path(id), ends=True)

    async def erase_me(self) -> bool:
        """Erase the user's conversations, messages and memberships, for 5 s; repeat until it returns True."""
        return bool((await self._call("DELETE", "/api/me"))["done"])

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
            there = (each for each in self._connections if each.url == url)
            usable = [each for each in there if id not in each.rooms and len(each.rooms) < ROOMS]
            if not usable:
                usable = [Connection(url, self._tokens, self._tell)]
                self._connections += usable
            usable[0].rooms[id] = receive
            return usable[0]

        return Room(id, Follower(id, after), connect, self.add_message, attempts)

    def _tell(self, error: ConfabError) -> None:
        log.warning("a room is not live: %s", error)
        try:
            self._on_problem(error)
        except Exception:
            log.exception("on_problem raised")


def _path(*parts: str | int) -> str:
    return "/".join(["/api/conversations", *(quote(str(part), safe="") for part in parts)])
