"""The version of the store's schema, and the steps from each version to the next.

`python -m confab.store migrate` takes the steps; the processes that serve only check.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from surrealdb.errors import NotFoundError

from confab.domain.errors import Unavailable
from confab.store.session import Session


class Migration(NamedTuple):
    """A step from one version of the schema to the next."""

    statement: str
    oldest: int
    """The oldest version of the code that may go on reading and writing once the step is taken.

    A step that only adds what older code does not look at leaves it where it was, so that two
    releases can serve beside each other. One that renames, removes or gives another meaning sets
    it to its own version.
    """


def _text(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


MIGRATIONS: Sequence[Migration] = (
    Migration(_text("schema.surql"), oldest=1),
    Migration(_text("listing.surql"), oldest=1),
    Migration(_text("kinds.surql"), oldest=3),
)
"""The steps that lead from version n to n + 1, at index n. One that was released never changes; a
new one is added after it."""

VERSION = len(MIGRATIONS)
"""The version that this code reads and writes."""

ABSENT = "The store has no schema yet."
OLDER = "The store's schema is older than this release."
TOO_NEW = "The store's schema is too new for this release."
MIGRATION_S = 10
"""Seconds after which the store may have the other schema, or the caller another release."""

READ = "SELECT number, oldest FROM ONLY schema:version"
"""The version of the schema that is in place, and the oldest code that may use it."""


def trouble(found: Mapping[str, Any] | None, version: int = VERSION) -> str | None:
    """Why code of this version does not work with the schema that READ has found; None if it does.

    With an older one it never does, with a newer one if the newer code said so: otherwise the
    data may mean what this code does not know.
    """
    if found is None:
        return ABSENT
    if found["number"] < version:
        return OLDER
    return TOO_NEW if (found.get("oldest") or found["number"]) > version else None


async def read(session: Session) -> Mapping[str, Any] | None:
    """What READ finds in the session's database, None when there is no schema."""
    try:
        found: Mapping[str, Any] | None = await session.query(READ, {})
    except NotFoundError:
        return None  # there is no table `schema` yet
    return found


async def version(session: Session) -> int:
    """The version of the schema in the session's database, 0 when there is none."""
    found = await read(session)
    return 0 if found is None else int(found["number"])


async def require(session: Session) -> None:
    """Return if the schema is one that this code works with; else raise Unavailable saying why."""
    if (wrong := trouble(await read(session))) is not None:
        raise Unavailable(wrong, retry_after=MIGRATION_S)


async def migrate(session: Session, migrations: Sequence[Migration] = MIGRATIONS) -> int:
    """Take every step that is missing and return how many there were.

    None is missing from a newer schema that the steps' own code works with. Raises Unavailable
    for one that it does not work with, and SurrealError for a step that fails; those before it
    stay taken.
    """
    found = await read(session)
    if trouble(found, len(migrations)) == TOO_NEW:
        raise Unavailable(TOO_NEW)
    there = 0 if found is None else int(found["number"])
    missing = migrations[there:]
    for number, step in enumerate(missing, start=there + 1):
        statement = _text("step.surql").replace("/* step */", step.statement)
        await session.query(statement, {"number": number, "oldest": step.oldest})
    return len(missing)
