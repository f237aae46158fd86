"""The version of the store's schema, and the steps from each version to the next.

`python -m confab.store migrate` takes the steps; the processes that serve only check.
"""

from collections.abc import Sequence
from pathlib import Path

from surrealdb.errors import NotFoundError

from confab.domain.errors import Unavailable
from confab.store.session import Session

MIGRATIONS: Sequence[str] = (Path(__file__).with_name("schema.surql").read_text(encoding="utf-8"),)
"""The SurrealQL that leads from version n to n + 1, at index n. A step that was released never
changes; a new one is added behind it."""

VERSION = len(MIGRATIONS)
"""The version that this code reads and writes."""

NOT_IN_PLACE = "The store's schema is not in place."

READ = "SELECT VALUE number FROM ONLY schema:version"
"""The version of the schema that is in place."""

# One block is one transaction: a step is taken whole, with its number, or not at all. Two
# migrations at once both write the version record, so one of them is aborted.
_STEP = """{{
    DEFINE TABLE IF NOT EXISTS schema SCHEMAFULL;
    DEFINE FIELD IF NOT EXISTS number ON schema TYPE int;
    DEFINE FIELD IF NOT EXISTS migrated_at ON schema TYPE datetime;
    IF ((SELECT VALUE number FROM ONLY schema:version) ?? 0) != $number - 1 {{
        THROW 'another migration has taken this step';
    }};
    {step}
    UPSERT ONLY schema:version SET number = $number, migrated_at = time::now() RETURN NONE;
}}"""


async def version(session: Session) -> int:
    """The version of the schema in the session's database, 0 when there is none."""
    try:
        number = await session.query(READ, {})
    except NotFoundError:  # there is no table `schema` yet
        return 0
    return int(number or 0)


async def require(session: Session) -> None:
    """Return if the schema is of the version that this code works with; else raise Unavailable.

    A newer one is refused too: its data may mean what this code does not know.
    """
    if await version(session) != VERSION:
        raise Unavailable(NOT_IN_PLACE)


async def migrate(session: Session, migrations: Sequence[str] = MIGRATIONS) -> int:
    """Take every step that is missing and return how many there were.

    Raises Unavailable for a schema that is newer than the steps, and SurrealError for a step
    that fails; those before it stay taken.
    """
    found = await version(session)
    if found > len(migrations):
        raise Unavailable(NOT_IN_PLACE)
    for number, step in enumerate(migrations[found:], start=found + 1):
        await session.query(_STEP.format(step=step), {"number": number})
    return len(migrations) - found
