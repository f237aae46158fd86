"""Ends sockets whose user was disabled, deleted or revoked, though their token is good for a while yet."""

import asyncio
from collections.abc import Awaitable, Callable, Collection

from confab.ports import TokenVerifier
from confab.realtime.sockets import Socket, Sockets

LOOK_S = 2.0
"""Seconds between two looks at the users of all sockets; the verifier knows whom it has to ask for."""


class Revocations:
    """Calls `revoked(socket)` for each socket whose user may not go on."""

    def __init__(
        self, verifier: TokenVerifier, sockets: Sockets, revoked: Callable[[Socket], Awaitable[None]]
    ) -> None:
        self._verifier = verifier
        self._sockets = sockets
        self._revoked = revoked
        self._checking: set[asyncio.Task[None]] = set()

    async def watch(self) -> None:
        """Look at all sockets again and again; until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            await self._check(self._sockets.all())

    def check_soon(self, socket: Socket) -> None:
        """Look at a socket whose user shows to be revoked, once its present event is answered."""
        checking = asyncio.create_task(self._check([socket]))
        self._checking.add(checking)
        checking.add_done_callback(self._checking.discard)

    async def _check(self, sockets: Collection[Socket]) -> None:
        live = [socket for socket in sockets if socket.ending is None]
        revoked = set(await self._verifier.revoked({socket.principal for socket in live}))
        ending = (self._revoked(socket) for socket in live if socket.principal in revoked)
        await asyncio.gather(*ending)
