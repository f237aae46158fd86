"""Ends sessions whose user was disabled, deleted or revoked before their token expired."""

import asyncio
from collections.abc import Collection

from confab.domain.errors import TokenRevoked
from confab.ports import TokenVerifier
from confab.realtime.sessions import Session, Sessions

CHECK_S = 2.0
"""Seconds between two checks of all sessions' users; the verifier knows whom it has to look up."""


class Revocations:
    """Checks the users of live sessions."""

    def __init__(self, verifier: TokenVerifier, sessions: Sessions) -> None:
        self._verifier = verifier
        self._sessions = sessions
        self._checking: set[asyncio.Task[None]] = set()

    async def watch(self) -> None:
        """Check all sessions every CHECK_S; until cancelled."""
        while True:
            await asyncio.sleep(CHECK_S)
            await self._check(self._sessions.all())

    def check_soon(self, session: Session) -> None:
        """Check a session whose user seems to be revoked, once its present event is acknowledged."""
        checking = asyncio.create_task(self._check([session]))
        self._checking.add(checking)
        checking.add_done_callback(self._checking.discard)

    async def _check(self, sessions: Collection[Session]) -> None:
        live = [session for session in sessions if not session.ending]
        revoked = set(await self._verifier.revoked({session.principal for session in live}))
        await asyncio.gather(*(s.end(TokenRevoked) for s in live if s.principal in revoked))
