"""Probes the store: it responds, signs the user in, and has a usable schema and the right time."""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from surrealdb.errors import SurrealError

from confab.config import Config
from confab.store import schema
from confab.store.session import Account, Session, is_signed_out, kind_of
from confab.store.users import role_of
from infra.probes.probe import Failure, Probe
from infra.probes.system import System

SILENT_S = 5.0
NOW = "RETURN time::now()"
FIX_AWAY = "start it (locally: make dev), or correct SURREALDB_URL; a firewall may keep this machine out"
FIX_SIGN_IN = "correct SURREALDB_USER and SURREALDB_PASSWORD, here and in the system's configuration"
FIX_OLD = "run .venv/bin/python -m confab.store migrate"
FIX_NEW = "deploy the release that knows this version; a schema cannot be migrated back"
FIX_QUERY = "check SURREALDB_USER's access to SURREALDB_NAMESPACE and SURREALDB_DATABASE; see the log"
FIX_ROLE = "let SURREALDB_USER be the database's editor: docs/operations.md, Users of the store"
FIX_CLOCK = "synchronize the clocks of the store and of this machine (NTP); tokens and times depend on them"


@asynccontextmanager
async def store(system: System) -> AsyncIterator[Sequence[Probe]]:
    """The store can be used. Writes nothing."""
    visit = Visit(system.config)
    try:
        yield [
            Probe("store", visit.sign_in, FIX_AWAY, SILENT_S),
            Probe("store schema", visit.schema, FIX_QUERY, SILENT_S, after=("store",)),
            Probe("store role", visit.role, FIX_ROLE, SILENT_S, after=("store", "store schema")),
            Probe("store clock", visit.clock, FIX_QUERY, SILENT_S, after=("store",)),
        ]
    finally:
        if visit.session is not None:
            await visit.session.close()


class Visit:
    """One session with the store."""

    session: Session | None = None

    def __init__(self, config: Config) -> None:
        self._config = config

    async def sign_in(self) -> str:
        """The store responds and accepts the credentials."""
        account = Account.of(self._config)
        try:
            self.session = await Session.open(account)
        except SurrealError as error:
            if is_signed_out(error):
                raise Failure(f"{account.url} rejects {account.user!r}", FIX_SIGN_IN) from None
            raise Failure(f"{account.url} does not respond: {kind_of(error)}") from None
        return f"{account.url} signs in {account.user!r}"

    async def schema(self) -> str:
        """This code works with the schema's version."""
        assert self.session is not None
        try:
            found = await schema.read(self.session)
        except SurrealError as error:
            raise Failure(f"cannot read its version: {kind_of(error)}") from None
        number = 0 if found is None else found["number"]
        if schema.trouble(found) is not None:
            seen = f"it has version {number}, and this code needs {schema.VERSION}"
            raise Failure(seen, FIX_OLD if number < schema.VERSION else FIX_NEW)
        return f"it has version {number}, which this code works with"

    async def role(self) -> str:
        """The user may write, and, unless it is the root of a local server, no more than that."""
        assert self.session is not None
        try:
            role = await role_of(self.session)
        except SurrealError as error:
            raise Failure(f"cannot try what it may do: {kind_of(error)}") from None
        at, user = self._config.surrealdb_auth_level, self._config.surrealdb_user
        if role == "viewer" or (role == "owner" and at == "database"):
            raise Failure(f"{user!r} is {role}, and functions that write need editor")
        return f"{user!r} is {role}"

    async def clock(self) -> str:
        """Its clock and this machine's differ by no more than a token's times may."""
        assert self.session is not None
        began = time.monotonic()
        try:
            there: datetime = await self.session.query(NOW, {})
        except SurrealError as error:
            raise Failure(f"cannot read its clock: {kind_of(error)}") from None
        here = datetime.now(UTC).timestamp() - (time.monotonic() - began) / 2
        skew, limit = there.timestamp() - here, max(self._config.clock_skew_s, 1)
        if abs(skew) > limit:
            raise Failure(f"it is {skew:+.1f} s off this machine's, and {limit} s are allowed", FIX_CLOCK)
        return f"it is {skew:+.2f} s off this machine's"
