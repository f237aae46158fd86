"""Back the store up, put a backup back, or say what a store or a backup holds.

Where the database is, and as whom to work in it, comes from the SURREALDB_ variables.
"""

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from confab import config
from confab.domain.errors import Unavailable
from confab.store import schema
from confab.store.connection import Connection, Timing
from confab.store.session import Account
from infra.backup import archive, commands
from infra.backup.archive import BackupError

PATIENCE = Timing(attempt=60.0, overall=300.0)
"""Pages are large, and nobody waits for one of them."""


def main(arguments: Sequence[str]) -> int:
    """Run the command of the command line; 0 if all is well."""
    options = _parser().parse_args(arguments)
    logging.getLogger("confab").addHandler(logging.NullHandler())  # what matters is in the error
    try:
        tables = asyncio.run(_run(options))
    except Unavailable as error:
        print(f"infra.backup: {error} Its schema must be of version {schema.VERSION}.", file=sys.stderr)
        return 1
    except (BackupError, config.ConfigError, OSError) as error:
        print(f"infra.backup: {error}", file=sys.stderr)
        return 1
    for name, table in tables.items():
        print(f"{name:<13} {table['rows']:>10} {table['digest']}")
    return 0


async def _run(options: argparse.Namespace) -> commands.Tables:
    if options.command == "digest" and options.file is not None:
        return archive.verify(options.file).tables
    connection = Connection(_account(), prepare=schema.require, timing=PATIENCE)
    try:
        match options.command:
            case "export":
                return await commands.export(connection, options.file)
            case "import":
                return await commands.restored(connection, options.file, resume=options.resume)
            case _:
                return await commands.digest(connection)
    finally:
        await connection.close()


def _account() -> Account:
    settings = config.load(os.environ)
    return Account(
        settings.surrealdb_url,
        settings.surrealdb_namespace,
        settings.surrealdb_database,
        settings.surrealdb_user,
        settings.surrealdb_password,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.backup", description=__doc__)
    subparsers = parser.add_subparsers(dest="command", required=True)
    export = subparsers.add_parser("export", help="write a backup of the store, which may be in use")
    export.add_argument("file", type=Path, help="a new file")
    restore = subparsers.add_parser("import", help="put a backup into an empty store, and prove it")
    restore.add_argument("file", type=Path)
    restore.add_argument("--resume", action="store_true", help="go on with an import that broke off")
    digest = subparsers.add_parser("digest", help="say what a store, or a backup, holds")
    digest.add_argument("file", type=Path, nargs="?", help="a backup; without it, the store")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
