"""`confab`: conversations from a terminal.

Beside `make dev` it finds the local stack by .confab/stack.json, here or in a folder above, and needs nothing
else. For a deployment set CONFAB_URL, and either CONFAB_TOKEN (an ID token), or CONFAB_API_KEY (the project's
web API key) with application default credentials. CONFAB_USER is the uid to sign in as [confab-cli].
Exits with 1 if a call failed, 2 if the command line or the environment is wrong, and 130 after Ctrl-C.
"""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from confab_client.client import Confab
from confab_client.errors import ConfabError
from confab_client.models import Conversation, Message, Model
from confab_client.tokens import GetToken

EMULATOR = "FIREBASE_AUTH_EMULATOR_HOST"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code."""
    options = _parser().parse_args(arguments)
    try:
        asyncio.run(_run(options, os.environ))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever read has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except _Unclear as unclear:
        print(f"confab: {unclear}", file=sys.stderr)
        return 2
    except ConfabError as error:
        about = "".join(f"\n  {each.get('path')}: {each.get('message')}" for each in error.errors)
        request = f" (request {error.request_id})" if error.request_id else ""
        print(f"confab: {error}{request}{about}", file=sys.stderr)
        return 1
    return 0


class _Unclear(Exception):
    """What to talk to cannot be determined; the message says what to do."""


async def _run(options: argparse.Namespace, env: Mapping[str, str]) -> None:
    url, get_token = _system(options, env)
    async with Confab(url, get_token) as client:
        async for found in COMMANDS[options.command](client, options):
            line = found.model_dump_json(by_alias=True) if options.json else _line(found)
            print(line, flush=True)


async def _new(client: Confab, options: argparse.Namespace) -> AsyncIterator[Model]:
    members = [(uid, access or "write") for uid, _, access in (m.partition("=") for m in options.member)]
    yield await client.create(options.type, title=options.title, members=members)


async def _ls(client: Confab, options: argparse.Namespace) -> AsyncIterator[Model]:
    left = options.limit
    async for found in client.conversations(status=options.status, limit=min(left, 100)):
        yield found
        left -= 1
        if left == 0:
            return


async def _tail(client: Confab, options: argparse.Namespace) -> AsyncIterator[Model]:
    after, newest = options.after, options.lines
    if after is None:
        page = await client.get(options.id, limit=max(1, newest))
        for message in page.messages[len(page.messages) - newest :]:
            yield message
        after = page.conversation.seq
    if options.follow:
        async for found in client.follow(options.id, after=after):
            yield found
    else:
        async for found in client.read_log(options.id, after=after):
            yield found


async def _send(client: Confab, options: argparse.Namespace) -> AsyncIterator[Model]:
    content = (
        (await asyncio.to_thread(sys.stdin.read)).removesuffix("\n") if options.text == "-" else options.text
    )
    yield await client.add_message(
        options.id, content, role=options.role, in_reply_to=options.reply_to, client_message_id=options.key
    )


async def _finalize(client: Confab, options: argparse.Namespace) -> AsyncIterator[Model]:
    yield await client.finalize(options.id)


COMMANDS = {"new": _new, "ls": _ls, "tail": _tail, "send": _send, "finalize": _finalize}


def _line(found: Model) -> str:
    """One line for a person, without what could steer their terminal."""
    if isinstance(found, Conversation):
        parts = [found.id, found.status, found.type, str(found.message_count), found.title or ""]
    elif isinstance(found, Message):
        parts = [str(found.seq), found.role, found.author or "-", found.content]
    else:
        fields = found.model_dump(
            mode="json", exclude={"conversation_id", "seq", "kind", "message", "conversation"}
        )
        parts = [str(getattr(found, "seq", "-")), getattr(found, "kind", ""), json.dumps(fields)]
    text = "  ".join(parts)
    return "".join(one if one.isprintable() else "\n    " if one == "\n" else "\ufffd" for one in text)


def _system(options: argparse.Namespace, env: Mapping[str, str]) -> tuple[str, GetToken]:
    """The address, and a way to get a token."""
    url, token = options.url or env.get("CONFAB_URL"), env.get("CONFAB_TOKEN")
    if url is None:
        stack = _stack()
        url, env = stack["web"], {**env, **stack["env"]}
    if token:

        async def given() -> str:
            return token

        return url, given
    from confab_client.service import AGENT, ServiceIdentity  # noqa: PLC0415 - it costs a second, and not all need it

    if EMULATOR not in env and "CONFAB_API_KEY" not in env:
        raise _Unclear("set CONFAB_TOKEN, or CONFAB_API_KEY and application default credentials")
    return url, ServiceIdentity(
        options.user or env.get("CONFAB_USER", "confab-cli"),
        project=env.get("GOOGLE_CLOUD_PROJECT"),
        api_key=env.get("CONFAB_API_KEY", "emulator"),
        emulator_host=env.get(EMULATOR),
        claims=AGENT if options.agent else {},
    )


def _stack() -> Mapping[str, Any]:
    """The description of the stack that runs here."""
    for folder in (Path.cwd(), *Path.cwd().parents):
        if (description := folder / ".confab" / "stack.json").exists():
            found: Mapping[str, Any] = json.loads(description.read_text())
            return found
    raise _Unclear("no stack runs here: start `make dev`, or set CONFAB_URL")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="confab", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    every = argparse.ArgumentParser(add_help=False)
    every.add_argument("--json", action="store_true", help="print a JSON object a line")
    every.add_argument("--url", help="where /api is [CONFAB_URL, else the local stack's]")
    every.add_argument("--user", help="the uid to sign in as [CONFAB_USER, else confab-cli]")
    every.add_argument("--agent", action="store_true", help="sign in as a service identity")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, summary: str, *, id: bool = True) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=summary, description=summary, parents=[every])
        if id:
            made.add_argument("id", help="the conversation's")
        return made

    new = command("new", "start a conversation, and print it", id=False)
    new.add_argument("--type", default="chat", choices=("chat", "assistant", "support"))
    new.add_argument("--title")
    new.add_argument("--member", action="append", default=[], metavar="UID[=read]", help="repeatable")
    ls = command("ls", "list conversations, latest activity first", id=False)
    ls.add_argument("--status", choices=("active", "finalized"))
    ls.add_argument("-n", "--limit", type=_count, default=20, help="how many at most [20]")
    tail = command("tail", "print the newest messages, or the entries above a number")
    tail.add_argument("-f", "--follow", action="store_true", help="go on with every entry, live")
    tail.add_argument("-n", "--lines", type=_count, default=10, help="how many messages [10]")
    tail.add_argument("--after", type=int, metavar="SEQ", help="every entry above this number instead")
    send = command("send", "write a message, and print it")
    send.add_argument("text", nargs="?", default="-", help="the message; - reads it from standard input [-]")
    send.add_argument("--role", choices=("user", "assistant", "system"))
    send.add_argument("--reply-to", type=int, metavar="SEQ", help="the number of the message that it answers")
    send.add_argument("--key", help="a clientMessageId: the same again is stored once")
    command("finalize", "lock a conversation permanently, and print it")
    return parser


def _count(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


if __name__ == "__main__":
    sys.exit(main())
