"""The README's first conversation runs as written, except for the addresses."""

import asyncio
import json
import re
from asyncio.subprocess import PIPE

from tests.support.stack import ROOT, Stack

README = (ROOT / "README.md").read_text()


def block(language, mark):
    """The code block of the README that contains a word."""
    return next(code for code in re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL) if mark in code)


def moved(code: str, stack: Stack) -> str:
    """The code with this stack's addresses instead of the usual ones."""
    usual = ("http://127.0.0.1:9099", "http://127.0.0.1:5000", "http://127.0.0.1:8081")
    for address, moved_to in zip(usual, (stack.auth, stack.url, stack.realtime[0]), strict=True):
        code = code.replace(address, moved_to)
    return code


async def test_the_first_conversation(stack: Stack) -> None:
    script = f"set -euo pipefail\n{moved(block('sh', 'signUp'), stack)}\nprintf '\\n%s %s' $TOKEN $ID"
    shell = await asyncio.create_subprocess_exec("bash", "-c", script, cwd=ROOT, stdout=PIPE)
    output, _ = await asyncio.wait_for(shell.communicate(), 60)
    assert shell.returncode == 0
    answers, _, variables = output.decode().rpartition("\n")
    token, conversation_id = variables.split()
    first, page = (json.loads(answer) for answer in re.findall(r"\{.*?\}(?=\{|\n|$)", answers, re.DOTALL))
    assert (first["seq"], first["content"]) == (1, "Hello")
    assert page["messages"] == [first]

    node = await asyncio.create_subprocess_exec(
        "node", "--input-type=module", "-", token, conversation_id, cwd=ROOT, stdin=PIPE, stdout=PIPE
    )
    assert node.stdin is not None
    assert node.stdout is not None
    node.stdin.write(moved(block("js", "socket.io-client"), stack).encode())
    node.stdin.close()
    lines: set[str] = set()
    async with asyncio.timeout(30):
        while len(lines) < 2:
            lines.add((await node.stdout.readline()).decode().split(" ", 2)[2].strip())
    node.kill()
    await node.communicate()
    assert lines == {"Hello", "Hi from a socket"}
