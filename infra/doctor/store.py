"""The store: reachable, signed in to, of the schema that this code wants, with the right time."""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from surrealdb.errors import SurrealError

from confab.config import Config
from confab.store import schema
from confab.store.session import Account, Session, is_signed_out, kind_of
from infra.doctor.check import Check, Fault, Skip
from infra.doctor.site import Site

SILENT_S = 5.0
NOW = "RETURN time::now()"
MIGRATE = ".venv/bin/python -m confab.store migrate"
MEND_AWAY = "start it (locally: make dev), or mend SURREALDB_URL; a firewall may keep the doctor out"
MEND_SIGN_IN = "mend SURREALDB_USER and SURREALDB_PASSWORD, here and where the system has them"
MEND_OLD = f"run: {MIGRATE}"
MEND_NEW = "deploy the code that knows this version; a schema does not go back"
MEND_QUERY = (
    "see that SURREALDB_USER may use SURREALDB_NAMESPACE and SURREALDB_DATABASE, and the server's log"
)
MEND_CLOCK = "have NTP set the clocks of the store and of this machine; tokens and times depend on them"


@asynccontextmanager
async def store(site: Site) -> AsyncIterator[Sequence[Check]]:
    """Whether the store can be worked with. Nothing is written."""
    visit = Visit(site.config)
    try:
        yield [
            Check("store", visit.sign_in, MEND_AWAY, SILENT_S),
            Check("store schema", visit.schema, MEND_QUERY, SILENT_S),
            Check("store clock", visit.clock, MEND_QUERY, SILENT_S),
        ]
    finally:
        await visit.end()


class Visit:
    """One session with the store."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._session: Session | None = None

    async def sign_in(self) -> str:
        """The store answers and knows the user."""
        config = self._config
        account = Account(
            config.surrealdb_url,
            config.surrealdb_namespace,
            config.surrealdb_database,
            config.surrealdb_user,
            config.surrealdb_password,
        )
        try:
            self._session = await Session.open(account)
        except SurrealError as error:
            if is_signed_out(error):
                raise Fault(f"{account.url} does not sign in {account.user!r}", MEND_SIGN_IN) from None
            raise Fault(f"{account.url} does not answer: {kind_of(error)}", MEND_AWAY) from None
        return f"{account.url} signs in {account.user!r}"

    async def schema(self) -> str:
        """The schema is of the version that this code works with."""
        try:
            found = await schema.read(self._signed_in())
        except SurrealError as error:
            raise Fault(f"its version cannot be read: {kind_of(error)}", MEND_QUERY) from None
        number = 0 if found is None else found["number"]
        if not schema.usable(found):
            seen = f"it has version {number}, and this code works with {schema.VERSION}"
            raise Fault(seen, MEND_OLD if number < schema.VERSION else MEND_NEW)
        return f"it has version {number}, which this code works with"

    async def clock(self) -> str:
        """Its clock and this machine's agree as far as tokens are allowed to be off."""
        session = self._signed_in()
        began = time.monotonic()
        try:
            there: datetime = await session.query(NOW, {})
        except SurrealError as error:
            raise Fault(f"it does not tell the time: {kind_of(error)}", MEND_QUERY) from None
        here = datetime.now(UTC).timestamp() - (time.monotonic() - began) / 2
        skew, most = there.timestamp() - here, max(self._config.clock_skew_s, 1)
        if abs(skew) > most:
            raise Fault(f"it is {skew:+.1f} s off this machine's, and {most} s are allowed", MEND_CLOCK)
        return f"it is {skew:+.2f} s off this machine's"

    async def end(self) -> None:
        """Close the session, if there is one."""
        if self._session is not None:
            await self._session.close()

    def _signed_in(self) -> Session:
        if self._session is None:
            raise Skip("nobody is signed in to the store")
        return self._session
