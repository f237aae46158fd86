"""Keeps one session with SurrealDB, opened on first use and again after it is lost.

A query that finds it lost waits for the next one. Every query ends within its deadline, with a result
or with Unavailable.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from surrealdb.errors import ServerError, SurrealError

from confab.aio import Backoff
from confab.domain.errors import Unavailable
from confab.store.session import Account, NotSent, Session, is_conflict, is_signed_out, kind_of

NO_ANSWER = "The store does not answer."
MAX_ATTEMPTS = 24
"""Tries of one query. Its deadline may end it earlier."""
MAX_LOST = 4
"""Tries of one query that may end without a connection rather than in a conflict."""
MAX_WAITING = 4096
"""Queries in flight in a process; further ones are refused."""

_log = logging.getLogger(__name__)


class Aborted(Unavailable):
    """The server refused the transaction or aborted it for a conflict: nothing has happened."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How long to wait for the store, in seconds."""

    attempt: float = 2.0
    """For one try of a query, and for opening a session."""
    overall: float = 5.0
    """For a query with all its tries."""
    renewal: float = 50 * 60
    """The age at which a session is replaced: a SurrealDB token lasts an hour by default."""
    first_pause: float = 0.02
    longest_pause: float = 0.4


class Connection:
    """Queries against one database. Safe for concurrent use by the tasks of one event loop.

    `prepare` is run on every new session before any query is; what it raises, the queries that
    wait for the session raise.
    """

    def __init__(
        self, account: Account, *, prepare: Callable[[Session], Awaitable[None]], timing: Timing | None = None
    ) -> None:
        self._account = account
        self._prepare = prepare
        self.timing = timing or Timing()
        self._session: Session | None = None
        self._opening: asyncio.Task[Session] | None = None
        self._opening_backoff = self._backoff()
        self._down = False
        self._waiting = 0
        self._closed = False
        self.conflicts = 0
        """How many tries ended in a conflict."""

    async def query(
        self,
        statement: str,
        variables: Mapping[str, Any],
        *,
        deadline: float | None = None,
        safe_to_resend: bool = True,
        retry_conflicts: bool = True,
    ) -> Any:
        """The result of one statement, which is one transaction.

        It is tried until the `deadline` in the event loop's time, or for `Timing.overall`. Unless it is
        `safe_to_resend`, it is never sent again once it may have been run; without `retry_conflicts`,
        the first conflict ends it. Raises Unavailable, which is Aborted where that is known, and
        nothing else.
        """
        if self._closed or self._waiting >= MAX_WAITING:
            raise Unavailable(NO_ANSWER)
        self._waiting += 1
        try:
            async with asyncio.timeout_at(
                deadline or asyncio.get_running_loop().time() + self.timing.overall
            ):
                return await self._persist(
                    statement, variables, safe_to_resend=safe_to_resend, retry_conflicts=retry_conflicts
                )
        except ServerError as error:
            _log.warning("the store refused a query", extra={"cause": kind_of(error)})
            raise (Unavailable if is_signed_out(error) else Aborted)(NO_ANSWER) from error
        except (SurrealError, TimeoutError) as error:
            _log.warning("the store did not answer", extra={"cause": kind_of(error)})
            raise Unavailable(NO_ANSWER) from error
        finally:
            self._waiting -= 1

    async def close(self) -> None:
        """Close the session; queries that wait or come later raise Unavailable."""
        self._closed = True
        opening, self._opening = self._opening, None
        if opening is not None:
            opening.cancel()
            await asyncio.wait([opening])
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _persist(
        self, statement: str, variables: Mapping[str, Any], *, safe_to_resend: bool, retry_conflicts: bool
    ) -> Any:
        """Try until there is an answer, or an error that another try does not help."""
        attempts = lost = 0
        backoff = self._backoff()
        while True:
            attempts += 1
            session: Session | None = None
            try:
                async with asyncio.timeout(self.timing.attempt):
                    session = await self._ready()
                    return await session.query(statement, variables)
            except (SurrealError, TimeoutError) as error:
                conflict = is_conflict(error)
                lost += not conflict
                self.conflicts += conflict
                again = self._helps(error, session, safe_to_resend=safe_to_resend) and (
                    retry_conflicts or not conflict
                )
                if not again or self._closed or lost == MAX_LOST or attempts == MAX_ATTEMPTS:
                    raise
            await asyncio.sleep(backoff.pause())

    def _helps(self, error: Exception, session: Session | None, *, safe_to_resend: bool) -> bool:
        """Whether another try may end better than in this error, and is safe."""
        if session is None:  # no session could be opened; nothing was sent
            return not is_signed_out(error)  # the sign-in was refused, and would be again
        if is_conflict(error):
            return True
        if is_signed_out(error):
            self._discard(session)
            return True
        if isinstance(error, ServerError):
            return False  # it was run and refused, and would be again
        self._discard(session)
        return safe_to_resend or isinstance(error, NotSent)

    def _discard(self, session: Session) -> None:
        session.retire()  # what else runs on it may still be answered
        if self._session is session:
            self._session = None

    def _backoff(self) -> Backoff:
        return Backoff(self.timing.first_pause, self.timing.longest_pause)

    async def _ready(self) -> Session:
        """A session to query on. One task opens it for everyone who waits for one."""
        session = self._session
        if session is not None and session.usable:
            if session.age >= self.timing.renewal:
                self._open_soon()  # meanwhile the old one serves
            return session
        opening = self._open_soon()
        await asyncio.wait([opening])  # a caller that gives up does not cancel it
        if opening.cancelled():
            raise NotSent("the store was closed")
        return opening.result()

    def _open_soon(self) -> asyncio.Task[Session]:
        if self._opening is None:
            self._opening = asyncio.create_task(self._open(), name="open a store session")
            self._opening.add_done_callback(self._opened)
        return self._opening

    async def _open(self) -> Session:
        if self._down:  # many callers wait: one try at a time, with pauses
            await asyncio.sleep(self._opening_backoff.pause())
        async with asyncio.timeout(self.timing.attempt):
            session = await Session.open(self._account)
            try:
                await self._prepare(session)
            except BaseException:
                session.retire()
                raise
        return session

    def _opened(self, opening: asyncio.Task[Session]) -> None:
        if self._opening is opening:
            self._opening = None
        if opening.cancelled():
            return
        error = opening.exception()
        if error is not None:
            if not self._down:  # once an outage
                _log.warning("no session with the store", extra={"cause": kind_of(error)})
            self._down = True
            return
        self._down = False
        self._opening_backoff.reset()
        before, self._session = self._session, opening.result()
        if before is not None:
            before.retire()
