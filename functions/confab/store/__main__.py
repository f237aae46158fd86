"""`python -m confab.store migrate | check`: migrate the schema, or report its version.

The SURREALDB_ variables name the database and the account.
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


async def _run(command: str, account: Account) -> str:
    """The answer of the command; `migrate` first creates the namespace and database."""
    async with asyncio.timeout(DEADLINE_S):
        session = await Session.open(account, define=command == "migrate")
        try:
            if command == "check":
                await schema.require(session)
                return f"schema version {await schema.version(session)} is in place"
            steps = await schema.migrate(session)
            version = await schema.version(session)  # higher than VERSION if a later release has migrated
            return f"migrated to schema version {version} in {steps} steps"
        finally:
            await session.close()


def main() -> int:
    """Run the command of the command line; 0 if all is well."""
    parser = argparse.ArgumentParser(prog="python -m confab.store", description=__doc__)
    parser.add_argument("command", choices=("migrate", "check"))
    command = parser.parse_args().command
    try:
        account = Account.of(config.load(os.environ))
        print(asyncio.run(_run(command, account)))  # noqa: T201 - the command's answer
    except (config.ConfigError, Unavailable, SurrealError, TimeoutError) as error:
        print(f"confab.store: {kind_of(error)}: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
