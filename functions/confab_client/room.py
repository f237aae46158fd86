"""A conversation that is followed live."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Self, Unpack

from confab_client.connection import Connection, Json, Receive
from confab_client.errors import ConfabError
from confab_client.follower import Follower
from confab_client.models import Conversation, Draft, Entry, Erased, Message, entry, given, parsed

SILENT_S = 60.0
"""Longer than Engine.IO's heartbeat (25 s + 20 s): a page that was on its way has then come."""
ENDED = {"removed": "you were removed from the conversation", "deleted": "the conversation was deleted"}


class Room:
    """Iterates over the entries of a conversation, live; made by `Confab.follow`.

    Joins when the first entry is asked for, reconnects by itself, and leaves when the loop ends; `async with`
    joins at once, and leaves for certain. A slow loop loses nothing: the room then reads on from the store.
    Iteration ends after the finalization. ConfabError ends it if the user may not stay (`removed`, `deleted`,
    `not_found`) or is `signed_out`.
    """

    def __init__(
        self,
        id: str,
        follower: Follower,
        connect: Callable[[Receive], Awaitable[Connection]],
        write: Callable[..., Awaitable[Message]],
        attempts: float,
    ) -> None:
        self.conversation: Conversation | None = None
        """As the last join found it."""
        self._id, self._follower, self._attempts = id, follower, attempts
        self._connect, self._write = connect, write
        self._connection: Connection | None = None
        self._changed = asyncio.Event()

    def __aiter__(self) -> AsyncIterator[Entry | Erased]:
        return self._entries()

    async def __aenter__(self) -> Self:
        while self.conversation is None:
            await self._join()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def send(self, content: str, **draft: Unpack[Draft]) -> Message:
        """Write a message as `Confab.add_message` does, over the socket while the room is live."""
        draft.setdefault("client_message_id", str(uuid.uuid4()))
        if self._follower.live and self._connection is not None:
            message = given(conversation_id=self._id, content=content, **draft)
            try:
                return parsed(Message, (await self._connection.ask("message", message))["message"])
            except ConfabError as error:
                if not error.retryable:
                    raise
                await asyncio.sleep(error.retry_after or 0.0)
        return await self._write(self._id, content, **draft)

    async def typing(self, typing: bool = True) -> None:
        """Show the others for 5 s that this user types; lost while the room is not live."""
        if self._follower.live and self._connection is not None:
            with suppress(ConfabError):  # nobody needs it
                await self._connection.ask("typing", {"conversationId": self._id, "typing": typing})

    async def aclose(self) -> None:
        """Leave the room."""
        self._follower.live = False
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.leave(self._id)

    async def _entries(self) -> AsyncIterator[Entry | Erased]:
        try:
            while True:
                while (found := self._follower.take()) is not None:
                    yield entry(found)
                if self._follower.over == "finalized":
                    return
                if self._follower.over is not None:
                    raise ConfabError(self._follower.over, ENDED[self._follower.over])
                if self._follower.live:
                    self._changed.clear()
                    await self._changed.wait()
                else:
                    await self._join()
        finally:
            await self.aclose()

    async def _join(self) -> None:
        """Join after the last number seen, or return after a failure that may pass."""
        self._connection = self._connection or await self._connect(self._receive)
        try:
            await self._connection.join(self._id, self._follower.last, SILENT_S)
        except ConfabError as error:
            await self._connection.failed(error, self._attempts)

    def _receive(self, event: str, payload: Json) -> None:
        if event == "join":
            self._follower.page(payload)
            self.conversation = parsed(Conversation, payload["conversation"])
        elif event == "disconnect":
            self._follower.live = False
        else:
            self._follower.event(event, payload)
        self._changed.set()
