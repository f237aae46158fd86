"""`python -m confab.store`: migrate the schema, find a user in the logs, remove what is to be forgotten.

The SURREALDB_ variables name the database and the account.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

from surrealdb.errors import SurrealError

from confab import config
from confab.domain.entries import Entry
from confab.domain.errors import ConfabError, Unavailable
from confab.domain.models import current_time
from confab.erasure import Eraser
from confab.store import schema, users
from confab.store.session import Account, Session, kind_of
from confab.store.surreal import SurrealStore

DEADLINE_S = 30.0
"""Seconds for what needs one session; an erasure takes as long as it takes."""
TOMBSTONE_FIELDS = 3
"""Kind, digest and time."""


class Silent:
    """Implements `Announcer`: the sweep of the rooms finds within seconds what an operator has done."""

    async def announce(self, entry: Entry) -> None:
        pass

    async def announce_deletion(self, conversation_id: str) -> None:
        pass

    async def announce_erasure(self, uid: str) -> None:
        pass


async def migrate(account: Account, _: argparse.Namespace) -> None:
    """Create the namespace, the database and the schema, or take the steps that are missing."""
    async with asyncio.timeout(DEADLINE_S):
        session = await Session.open(account, define=True)
        try:
            steps = await schema.migrate(session)
            version = await schema.version(session)  # higher than VERSION if a later release has migrated
        finally:
            await session.close()
    say(f"migrated to schema version {version} in {steps} steps")


async def check(account: Account, arguments: argparse.Namespace) -> None:
    """Report the version of the schema and the user's role."""
    async with asyncio.timeout(DEADLINE_S):
        session = await Session.open(account)
        try:
            await schema.require(session)
            role = await users.role_of(session)
            if arguments.role not in (None, role):
                raise Unavailable(f"{account.user} has the role {role}, not {arguments.role}")
            say(f"schema version {await schema.version(session)} is in place; {account.user}: {role}")
        finally:
            await session.close()


async def user(account: Account, arguments: argparse.Namespace) -> None:
    """Print the pseudonym of a user in the logs."""
    async with _store(account) as store:
        say(str(store.pseudonym(arguments.uid)))


async def erase(account: Account, arguments: argparse.Namespace) -> None:
    """Erase a user, or delete a conversation."""
    async with _eraser(account) as eraser:
        if arguments.conversation is not None:
            await eraser.delete_conversation(arguments.conversation, None)
            say("deleted for everyone")
            while await eraser.purge():
                say("removing what is left")
            say("done")
            return
        conversations = messages = 0
        done = False
        while not done:
            progress = await eraser.erase(arguments.uid)
            conversations += progress.conversations
            messages += progress.messages
            done = progress.done
            say(f"{conversations} conversations, {messages} messages{': done' if done else ' so far'}")


async def expire(account: Account, arguments: argparse.Namespace) -> None:
    """Delete the conversations that nobody has used for so many days."""
    before, total = current_time() - timedelta(days=arguments.days), 0
    async with _eraser(account) as eraser:
        while count := await eraser.expire(before):
            total += count
            say(f"{total} conversations so far")
        while await eraser.purge():
            say("removing what is left")
    say(f"{total} conversations deleted")


async def erased(account: Account, _: argparse.Namespace) -> None:
    """Print what was erased, as digests: keep it beside the backups, for `replay`."""
    async with _store(account) as store:
        for kind, digest, at in await store.removal.tombstones():
            say(f"{kind} {digest} {at}")


async def replay(account: Account, arguments: argparse.Namespace) -> None:
    """Erase again, in a store that was restored from a backup, what `erased` has listed since."""
    lines = [line.split() for line in arguments.list.read().splitlines()]
    if any(len(line) != TOMBSTONE_FIELDS for line in lines):
        raise config.ConfigError("the list is not one that `erased` has printed")
    digests = {digest for _, digest, _ in lines}
    async with _store(account) as store:
        eraser = Eraser(store, Silent(), locate=lambda conversation: conversation, clock=current_time)
        for conversation_id in await store.removal.conversations_among(digests):
            await eraser.delete_conversation(conversation_id, None)
        for uid in await store.removal.users_among(digests):
            while not (await eraser.erase(uid)).done:
                say("erasing")
        while await eraser.purge():
            say("removing what is left")
    say(f"{len(digests)} erasures are replayed")


@asynccontextmanager
async def _store(account: Account) -> AsyncIterator[SurrealStore]:
    store = SurrealStore(account)
    try:
        await store.check()
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def _eraser(account: Account) -> AsyncIterator[Eraser]:
    async with _store(account) as store:
        yield Eraser(store, Silent(), locate=lambda conversation: conversation, clock=current_time)


def say(line: str) -> None:
    """Print a line of the answer at once: an erasure takes long."""
    print(line, flush=True)  # noqa: T201 - the command's answer


COMMANDS: tuple[Callable[[Account, argparse.Namespace], Awaitable[None]], ...] = (
    migrate,
    check,
    user,
    erase,
    expire,
    erased,
    replay,
)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m confab.store", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        one = commands.add_parser(command.__name__, help=command.__doc__, description=command.__doc__)
        one.set_defaults(run=command)
        if command is user:
            one.add_argument("uid", metavar="UID", help="the user's id")
        elif command is check:
            one.add_argument("--role", choices=users.ROLES, help="fail if the user has another one")
        elif command is erase:
            what = one.add_mutually_exclusive_group(required=True)
            what.add_argument("uid", nargs="?", metavar="UID", help="the user to erase")
            what.add_argument("--conversation", metavar="ID", help="the conversation to delete")
        elif command is expire:
            one.add_argument("--days", type=_days, required=True, help="since the last activity, at least 1")
        elif command is replay:
            one.add_argument(
                "list", type=argparse.FileType(), help="a file with what `erased` printed; - reads it"
            )
    return parser


def _days(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("must be a whole number of days, at least 1")
    return int(text)


def main() -> int:
    """Run the command of the command line; 0 if all is well."""
    arguments = _parser().parse_args()
    try:
        account = Account.of(config.load(os.environ, serving=False))
        asyncio.run(arguments.run(account, arguments))
    except (config.ConfigError, ConfabError, SurrealError, TimeoutError) as error:
        print(f"confab.store: {kind_of(error)}: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
