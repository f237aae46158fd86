"""The page for backends and bots: its code runs as written, except for the addresses, as does `confab`."""

import asyncio
import base64
import json
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from subprocess import PIPE
from typing import Any

import pytest

from confab_client import cli
from tests.faults.subscriptions import subscriptions
from tests.support.inherited import inherited
from tests.support.stack import ROOT

CONFAB = ("-m", "confab_client.cli")
PAGE = (ROOT / "docs/backends-and-bots.md").read_text()


def program(stack, mark):
    """The program of the page that contains a word, for this stack."""
    code = next(code for code in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if mark in code)
    return code.replace("http://127.0.0.1:5000", stack.url).replace("127.0.0.1:9099", stack.auth[7:])


@pytest.fixture
def run(stack, tmp_path):
    """Runs Python beside the stack, and ends it with SIGINT."""
    (tmp_path / ".confab").symlink_to(stack.data)
    env = inherited(measured=True) | stack.env | {"PYTHONPATH": str(ROOT / "functions")}

    @contextmanager
    def run(*arguments, **more):
        command = [sys.executable, *arguments]
        pipes: Any = {"stdin": PIPE, "stdout": PIPE, "stderr": PIPE}
        with subprocess.Popen(command, cwd=tmp_path, env=env | more, text=True, **pipes) as process:
            try:
                yield process
                process.send_signal(signal.SIGINT)
            except BaseException:
                process.kill()  # else its end would be awaited for ever
                raise

    return run


@pytest.fixture
def confab(run):
    """What a command prints, by lines of JSON, once it has ended with this exit code."""

    def confab(*command, code=0, typed=None, **env):
        with run(*CONFAB, *command, **env) as process:
            out, err = process.communicate(typed, timeout=30)
        assert process.returncode == code, err
        return [json.loads(line) for line in out.splitlines()] if code == 0 else err

    return confab


def test_a_bot_answers_and_outlives_an_instance(stack, run, confab):
    alice = ("--user", "alice", "--json")
    with run("-c", program(stack, "Echo"), "alice") as bot:
        room = bot.stdout.readline().strip()
        with run(*CONFAB, "tail", *alice, "-f", "--after", "0", room) as tail:
            for seq in (1, 3):
                assert confab("send", *alice, room, "-", typed=f"hello {seq}\n")[0]["seq"] == seq
                told, answer = (json.loads(tail.stdout.readline()) for _ in range(2))
                assert (told["author"], told["content"]) == ("alice", f"hello {seq}")
                assert (answer["seq"], answer["role"], answer["agent"]) == (seq + 1, "assistant", True)
                assert (answer["content"], answer["inReplyTo"]) == (f"You said: hello {seq}", seq)
                if seq == 1:
                    for number, url in enumerate(stack.realtime, 1):
                        stack.kill_listener(url)
                        stack.wait_for(f"realtime-{number}  ", times=2)  # it is started again
            assert confab("ls", *alice)[0]["id"] == room
            assert [one["seq"] for one in confab("tail", *alice, "-n", "2", room)] == [3, 4]
            with run(*CONFAB, "tail", *alice, "-f", room) as interrupted:
                assert interrupted.stdout.readline()
                interrupted.send_signal(signal.SIGINT)
                assert (interrupted.wait(20), interrupted.stderr.read()) == (130, "")
            assert confab("finalize", "--user", "echo-bot", "--json", room)[0]["status"] == "finalized"
            assert json.loads(tail.stdout.readline())["kind"] == "finalized"
            assert tail.wait(20) == 0
        assert bot.wait(20) == 0


def test_programs_behind_the_bus(stack, run, confab):
    room = confab("new", "--json", "--member", "help-bot")[0]["id"]
    with run("-c", program(stack, "pubsub_v1")) as listener:
        bus = stack.env["PUBSUB_EMULATOR_HOST"]
        until(lambda: any("my-listener" in name for name in asyncio.run(subscriptions(bus))))
        message = confab("send", "--json", room, "help")[0]
        assert listener.stdout.readline().split() == [room, "1", "help"]
    event = json.dumps({"conversationId": room, "seq": message["seq"], "data": message}).encode()
    push = {"message": {"data": base64.b64encode(event).decode()}}
    called = "\nfrom types import SimpleNamespace; import sys; pushed = json.load(sys.stdin)"
    called += "\nfor _ in range(2): assert on_event(SimpleNamespace(get_json=lambda: pushed)) == ('', 204)"
    with run("-c", program(stack, "functions_framework") + called, CONFAB_URL=stack.url) as function:
        assert function.communicate(json.dumps(push), timeout=30)[1] == ""
    answers = confab("tail", "--json", "--after", "1", room)
    assert [(one["author"], one["content"], one["inReplyTo"]) for one in answers] == [
        ("help-bot", "Ask away.", 1)
    ]


def until(condition):
    """Wait until a condition holds."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


ELSEWHERE = {"CONFAB_URL": "http://127.0.0.1:9"}


@pytest.mark.parametrize(
    ("beside", "command", "env", "code", "said"),
    [
        (True, ("tail", "nowhere"), {}, 1, "not_found"),
        (True, ("send", "nowhere", ""), {}, 1, "content: "),
        (True, ("new",), ELSEWHERE | {"CONFAB_TOKEN": "x"}, 1, "network: "),
        (True, ("tail",), {}, 2, "required: id"),
        (False, ("ls",), {}, 2, "make dev"),
        (False, ("ls",), ELSEWHERE, 2, "CONFAB_TOKEN"),
    ],
)
def test_what_the_command_says_of_failures(
    stack, tmp_path, monkeypatch, capsys, *, beside, command, env, code, said
):
    if beside:
        (tmp_path / ".confab").symlink_to(stack.data)
    monkeypatch.chdir(tmp_path)
    for name, value in ((stack.env if beside else {}) | env).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        sys.exit(cli.main(command))
    assert (ended.value.code, said in capsys.readouterr().err) == (code, True)
