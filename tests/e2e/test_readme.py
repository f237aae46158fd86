"""The README's first conversation runs as written, except for the addresses."""

import json
import re
import subprocess
from subprocess import PIPE

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


def test_the_first_conversation(stack: Stack) -> None:
    script = f"set -euo pipefail\n{moved(block('sh', 'signUp'), stack)}\nprintf '\\n%s %s' $TOKEN $ID"
    shell = subprocess.run(["bash", "-c", script], cwd=ROOT, stdout=PIPE, text=True, check=True, timeout=60)
    answers, _, variables = shell.stdout.rpartition("\n")
    token, conversation_id = variables.split()
    first, page = (json.loads(answer) for answer in re.findall(r"\{.*?\}(?=\{|\n|$)", answers, re.DOTALL))
    assert (first["seq"], first["content"]) == (1, "Hello")
    assert page["messages"] == [first]

    command = ["node", "--input-type=module", "-", token, conversation_id]
    with subprocess.Popen(command, cwd=ROOT, stdin=PIPE, stdout=PIPE, text=True) as node:
        assert node.stdin is not None
        assert node.stdout is not None
        node.stdin.write(moved(block("js", "socket.io-client"), stack))
        node.stdin.close()
        lines: set[str] = set()
        while len(lines) < 2:
            lines.add(node.stdout.readline().split(" ", 2)[2].strip())
        node.kill()
    assert lines == {"Hello", "Hi from a socket"}
