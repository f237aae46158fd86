"""The local stack of all end-to-end tests is ended, which is why this file comes last, and restarted."""

import asyncio
import re
import socket
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest

from confab.http.routes import rewrites
from tests.support.stack import ROOT, Stack, running_stack

SERVICES = {
    "surrealdb",
    "pubsub",
    "schema",
    "realtime-1",
    "realtime-2",
    "auth",
    "functions",
    "hosting",
    "warm",
    "seed",
}
USER = {"email": "cleo@demo.example", "password": "correct horse", "returnSecureToken": True}


def account(stack: Stack, action: str, **other: str) -> dict[str, str]:
    url = f"{stack.auth}/identitytoolkit.googleapis.com/v1/accounts:{action}?key=demo"
    answer = httpx.post(url, json=USER | other, trust_env=False)
    assert answer.is_success, answer.text
    return {"Authorization": f"Bearer {answer.json()['idToken']}"}


class Day:
    """What the stack of all end-to-end tests was like, which is ended, and what it has stored."""

    def __init__(self, stack: Stack) -> None:
        made = httpx.post(
            f"{stack.url}/api/conversations",
            json={"type": "chat"},
            headers=account(stack, "signUp"),
            trust_env=False,
        )
        assert made.is_success, made.text
        self.data, self.url, self.conversation = stack.data, stack.url, made.json()["id"]
        self.crowd = asyncio.run(crowd(f"{stack.url}/api/conversations/{self.conversation}/messages"))
        self.processes = stack.processes()
        self.lines = stack.lines[: stack.lines.index(f"ready {stack.url}") + 1]
        self.ports = [int(port) for line in self.lines for port in re.findall(r"127\.0\.0\.1:(\d+)", line)]
        self.code = stack.end()


async def crowd(url: str) -> list[int]:
    async with httpx.AsyncClient(
        limits=httpx.Limits(max_connections=100), timeout=60, trust_env=False
    ) as client:
        answers = await asyncio.gather(*(client.post(url, json={"content": "hi"}) for _ in range(100)))
        return [answer.status_code for answer in answers]


@pytest.fixture(scope="module")
def day(stack: Stack) -> Day:
    return Day(stack)


@pytest.fixture(scope="module")
def next_day(day: Day) -> Iterator[Stack]:
    with running_stack(day.data) as stack:
        yield stack


def test_every_service_has_a_line_and_the_last_line_is_ready(day):
    *services, last = [line for line in day.lines if not line.startswith("waiting for ")]
    assert {line.split()[0] for line in services} == SERVICES
    assert all(re.search(r" \d+\.\d s$", line) for line in services)
    assert last == f"ready {day.url}"


def test_a_hundred_requests_at_once_do_not_start_a_hundred_processes(day):
    assert day.crowd == [401] * 100
    serving = [command for command in day.processes.values() if "functions-framework" in command]
    most = 2 * len(list(rewrites()))  # for each function that Hosting calls a gunicorn and its worker
    assert 0 < len(serving) <= most, serving


def test_an_interrupt_ends_every_process_and_frees_every_port(day):
    assert day.code == 0
    assert len(day.ports) >= 7
    for port in day.ports:
        with socket.socket() as probe, pytest.raises(ConnectionRefusedError):
            probe.connect(("127.0.0.1", port))


def test_users_and_conversations_survive_a_restart(day, next_day):
    token = account(next_day, "signInWithPassword")
    url = f"{next_day.url}/api/conversations/{day.conversation}"
    answer = httpx.get(url, headers=token, trust_env=False)
    assert answer.json()["conversation"]["id"] == day.conversation


@pytest.mark.parametrize("name", ["ada", "basil"])
def test_the_page_signs_in_the_two_who_talk_in_one_room_however_often_it_is_seeded(next_day, name):
    page = (ROOT / "public/src/account.js").read_text()
    (password,) = re.findall(r'DEMO_PASSWORD = "(.+)"', page)
    token = account(next_day, "signInWithPassword", email=f"{name}@demo.example", password=password)
    url = f"{next_day.url}/api/conversations"
    (room,) = httpx.get(url, headers=token, trust_env=False).json()["conversations"]
    assert room["seq"] == 6
    said = httpx.get(f"{url}/{room['id']}", headers=token, trust_env=False).json()["messages"]
    assert [each["metadata"]["name"] for each in said] == ["Ada", "Basil"] * 3


@pytest.mark.parametrize("option", ["--move", "--reset"])
def test_a_second_command_on_the_same_data_is_refused(next_day, option):
    command = (sys.executable, "-m", "infra.local", option, "--data", str(next_day.data))
    refused = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"a stack is running on {next_day.data} (process {next_day.pid}: ")
    assert (next_day.data / "surrealdb").exists()


def test_an_interrupt_during_the_start_ends_every_process(tmp_path):
    stack = Stack(tmp_path / "data")
    stack.wait_for("surrealdb ")
    assert stack.end() == 0
