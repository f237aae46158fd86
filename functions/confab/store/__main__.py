"""`python -m confab.store migrate | check`: put the schema in place, or say whether it is.

Where the database is, and as whom to work in it, comes from the SURREALDB_ variables.
"""

import argparse
import asyncio
import os
import sys

from surrealdb.errors import SurrealError

from confab import config
from confab.domain.errors import Unavailable
from confab.store import schema
from confab.store.session import Account, Session, kind_of

DEADLINE_S = 30.0


async def migrate(account: Account) -> str:
    """Take the missing steps, making the namespace and database first; what was done, in words."""
    session = await Session.open(account, define=True)
    try:
        steps = await schema.migrate(session)
        version = await schema.version(session)  # a later release's, if that is there and serves this one too
    finally:
        await session.close()
    return f"migrated to schema version {version} in {steps} steps"


async def check(account: Account) -> str:
    """Say that the schema is in place; raises Unavailable if it is not."""
    session = await Session.open(account)
    try:
        await schema.require(session)
        version = await schema.version(session)
    finally:
        await session.close()
    return f"schema version {version} is in place"


COMMANDS = {"migrate": migrate, "check": check}


async def _run(command: str, account: Account) -> str:
    async with asyncio.timeout(DEADLINE_S):
        return await COMMANDS[command](account)


def main() -> int:
    """Run the command of the command line; 0 if all is well."""
    parser = argparse.ArgumentParser(prog="python -m confab.store", description=__doc__)
    parser.add_argument("command", choices=COMMANDS)
    command = parser.parse_args().command
    try:
        settings = config.load(os.environ)
        account = Account(
            settings.surrealdb_url,
            settings.surrealdb_namespace,
            settings.surrealdb_database,
            settings.surrealdb_user,
            settings.surrealdb_password,
        )
        print(asyncio.run(_run(command, account)))  # noqa: T201 - the command's answer
    except (config.ConfigError, Unavailable, SurrealError, TimeoutError) as error:
        print(f"confab.store: {kind_of(error)}: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
