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
Options = argparse.Namespace


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code."""
    try:
        asyncio.run(_run(_parser().parse_args(arguments), os.environ))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever read has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except _Unclear as unclear:
        print(f"confab: {unclear}", file=sys.stderr)
        return 2
    except ConfabError as error:
        request = f" (request {error.request_id})" if error.request_id else ""
        print(f"confab: {error}{request}", file=sys.stderr)
        return 1
    return 0


class _Unclear(Exception):
    """What to talk to cannot be determined; the message says what to do."""


async def _run(options: Options, env: Mapping[str, str]) -> None:
    url, get_token = _system(options, env)
    async with Confab(url, get_token) as client:
        async for found in COMMANDS[options.command](client, options):
            print(found.model_dump_json(by_alias=True) if options.json else _line(found), flush=True)


async def _new(client: Confab, options: Options) -> AsyncIterator[Model]:
    members = [(uid, access or "write") for uid, _, access in (m.partition("=") for m in options.member)]
    yield await client.create(options.type, members, title=options.title)


async def _ls(client: Confab, options: Options) -> AsyncIterator[Model]:
    async for found in client.conversations(status=options.status):
        yield found


async def _tail(client: Confab, options: Options) -> AsyncIterator[Model]:
    after = options.after
    if after is None:
        page = await client.get(options.id, limit=options.lines)
        after = page.conversation.seq
        for message in page.messages:
            yield message
    async for found in (client.follow if options.follow else client.read_log)(options.id, after=after):
        yield found


async def _send(client: Confab, options: Options) -> AsyncIterator[Model]:
    given = options.text != "-"
    text = options.text if given else (await asyncio.to_thread(sys.stdin.read)).removesuffix("\n")
    yield await client.add_message(options.id, text, role=options.role)


async def _finalize(client: Confab, options: Options) -> AsyncIterator[Model]:
    yield await client.finalize(options.id)


COMMANDS = {"new": _new, "ls": _ls, "tail": _tail, "send": _send, "finalize": _finalize}


def _line(found: Model) -> str:
    """One line for a person, without what could steer their terminal."""
    if isinstance(found, Conversation):
        text = "  ".join((found.id, found.status, found.type, str(found.message_count), found.title or ""))
    elif isinstance(found, Message):
        text = f"{found.seq}  {found.role}  {found.author or '-'}  {found.content}"
    else:
        text = found.model_dump_json(exclude={"conversation_id", "message", "conversation"})
    return "".join(one if one.isprintable() else "\n    " if one == "\n" else "\ufffd" for one in text)


def _system(options: Options, env: Mapping[str, str]) -> tuple[str, GetToken]:
    """The address, and a way to get a token."""
    url, token = env.get("CONFAB_URL"), env.get("CONFAB_TOKEN")
    if url is None:
        stack = _stack()
        url, env = stack["web"], {**env, **stack["env"]}
    if token:
        return url, lambda: asyncio.sleep(0, token)
    if EMULATOR not in env and "CONFAB_API_KEY" not in env:
        raise _Unclear("set CONFAB_TOKEN, or CONFAB_API_KEY and application default credentials")
    from confab_client.service import AGENT, ServiceIdentity  # noqa: PLC0415 - takes a second, needed here alone

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
    as_written = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="confab", description=__doc__, formatter_class=as_written)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, summary: str, *, id: bool = True) -> Any:
        made = commands.add_parser(name, help=summary, description=summary)
        made.add_argument("--json", action="store_true", help="print a JSON object a line")
        made.add_argument("--user", help="the uid to sign in as [CONFAB_USER, else confab-cli]")
        made.add_argument("--agent", action="store_true", help="sign in as a service identity")
        if id:
            made.add_argument("id", help="the conversation's")
        return made.add_argument

    add = command("new", "start a conversation, and print it", id=False)
    add("--type", default="chat", choices=("chat", "assistant", "support"))
    add("--title")
    add("--member", action="append", default=[], metavar="UID[=read]", help="repeatable")
    add = command("ls", "list conversations, latest activity first", id=False)
    add("--status", choices=("active", "finalized"))
    add = command("tail", "print the newest messages, or the entries above a number")
    add("-f", "--follow", action="store_true", help="go on with every entry, live")
    add("-n", "--lines", type=int, default=10, help="how many messages [10]")
    add("--after", type=int, metavar="SEQ", help="every entry above this number instead")
    add = command("send", "write a message, and print it")
    add("text", nargs="?", default="-", help="the message; - reads it from standard input [-]")
    add("--role", choices=("user", "assistant", "system"))
    command("finalize", "lock a conversation permanently, and print it")
    return parser


if __name__ == "__main__":
    sys.exit(main())
