"""An operator's machine on which the deploy command runs, and as much of the cloud as it asks."""

import io
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from infra.deploy import __main__ as deploy
from infra.deploy import prerequisites, stack
from infra.deploy.hosting import OVERRIDE as HOSTING
from infra.deploy.permissions import OVERRIDE as RESOURCE_MANAGER
from infra.deploy.project import APIS
from infra.deploy.runner import Answer, Command, Runner
from infra.deploy.target import PROGRAM, ROOT
from infra.probes.probe import Failure, Group, Probe
from infra.probes.system import System
from tests.support.threaded_server import threaded_server

USER, PASSWORD = "keeper", "never to be seen"
PROJECT = "confab-trial"
STORE = {"SURREALDB_URL": "wss://db.example", "SURREALDB_USER": USER, "SURREALDB_PASSWORD": PASSWORD}
OUTPUTS = {
    "webUrl": "https://a-site.web.app",
    "site": "a-site",
    "rewrites": [{"source": "/api/**", "run": {"serviceId": "confab-conversations", "region": "r"}}],
    "variables": {"CONFAB_REALTIME_URLS": "https://rooms.example", "GOOGLE_CLOUD_PROJECT": PROJECT},
}
GOOD = {
    "gcloud auth list": "somebody@example.com",
    "gcloud auth print-access-token": "a-token-of-gcloud",
    "gcloud auth application-default print-access-token": "a-token-of-the-program",
    "org-policies describe": '{"listPolicy": {"allValues": "ALLOW"}}',
    "firebase apps:list": '{"status": "success", "result": [{"appId": "1:1:web:1"}]}',
    "value(projectNumber)": "123456789012",
    "gcloud projects describe": "ACTIVE",
    "gcloud billing projects describe": "True",
    "gcloud services list": "\n".join(APIS),
    "pulumi stack output": json.dumps(OUTPUTS),
}


@dataclass(frozen=True)
class Call:
    """A call of a tool."""

    words: tuple[str, ...]
    stdin: str
    env: Mapping[str, str]
    config: str | None
    """The firebase.json that it is given."""


class Tools(Runner):
    """Calls the machine's tools."""

    def __init__(self, machine: "Machine", env: Mapping[str, str]) -> None:
        super().__init__(env)
        self._machine = machine

    def find(self, tool: str) -> str | None:
        return f"/bin/{tool}" if tool in self._machine.tools else None

    def ask(self, *words: str, env: Mapping[str, str] | None = None) -> Answer:
        return self._machine.call(words, self.env | dict(env or {}), changes=False)

    def attempt(self, command: Command) -> Answer:
        return self._machine.call(command.words, self.env | dict(command.env), command.stdin, changes=True)

    def sleep(self, seconds: float) -> None:
        self._machine.slept.append(seconds)


class Machine:
    """Everything is in order; a test spoils something."""

    google: str
    """Where Google's APIs are."""

    def __init__(self, root: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self.tools = {"gcloud", "pulumi", "firebase"}
        self.env = {**STORE}
        self.asked: list[Call] = []
        self.changes: list[Call] = []
        self.slept: list[float] = []
        self.kept: dict[str, str] | None = None
        """The settings of the Pulumi stack."""
        self.lacking: dict[str, set[str]] = {}
        """The permissions that the owner of a token lacks."""
        self.live: dict[str, tuple[int, Any]] = {}
        """What Hosting says of a site's live channel; of others, that there is no such site."""
        self.looked: list[tuple[str, str]] = []
        """Whose token asked for live channels, and which."""
        self.deployed_is_well = True
        self.probed: list[tuple[System, frozenset[str]]] = []
        self.root = root
        self._capfd = capfd
        self._answers = {part: (0, out, -1) for part, out in GOOD.items()}
        self._answers["gcloud artifacts docker images describe"] = (1, "not found", -1)
        (root / "public").mkdir()
        (root / "public/app.bundle.js").touch()
        (root / ".venv/lib/python3.11/site-packages/pulumi_gcp").mkdir(parents=True)
        (root / PROGRAM).mkdir(parents=True)
        shutil.copy(ROOT / PROGRAM / "Pulumi.yaml", root / PROGRAM)

    def answer(self, part: str, code: int, out: str = "", *, times: int = -1) -> None:
        """Answer calls that contain this text like that, the next few or all."""
        self._answers = {part: (code, out, times), **{k: v for k, v in self._answers.items() if k != part}}

    def run(self, command: str, *options: str, stdin: str = "") -> tuple[int, str]:
        """The exit code, and all that was printed."""
        self.asked.clear()
        self.changes.clear()
        apis = {HOSTING: self.google, RESOURCE_MANAGER: f"{self.google}/"}
        with (
            patch.dict(os.environ, {**apis, **self.env}, clear=True),
            patch.object(sys, "stdin", io.StringIO(stdin)),
            patch.object(prerequisites, "ROOT", self.root),
            patch.object(stack, "ROOT", self.root),
            patch.object(deploy, "probes", self._probes),
            patch.object(deploy, "PATIENCE_S", 0),
        ):
            code = deploy.main([command, "--project", PROJECT, *options], partial(Tools, self))
        printed = self._capfd.readouterr()
        return code, printed.out + printed.err

    def up(self, *options: str) -> tuple[int, str]:
        return self.run("up", *options)

    def call(
        self, words: tuple[str, ...], env: Mapping[str, str], stdin: str = "", *, changes: bool
    ) -> Answer:
        configs = [Path(word.partition("=")[2]) for word in words if word.startswith("--config=")]
        config = next((path.read_text() for path in configs if path.suffix == ".json"), None)
        (self.changes if changes else self.asked).append(Call(words, stdin, env, config))
        line = " ".join(words)
        for part, (code, out, times) in self._answers.items():
            if part in line and times != 0:
                self._answers[part] = code, out, times - 1
                return Answer(code, out)
        return self._pulumi(words, stdin) if words[0] == "pulumi" else Answer(0, "")

    def _pulumi(self, words: tuple[str, ...], stdin: str) -> Answer:
        if words[1:4] == ("stack", "select", "--create"):
            self.kept = self.kept or {}
        elif words[1] == "config" and self.kept is None:
            return Answer(255, "", "error: no stack named 'production' found")
        elif words[1] == "config":
            assert self.kept is not None
            pairs = [after for before, after in pairwise(words) if before == "--plaintext"]
            self.kept |= dict(pair.split("=", 1) for pair in pairs)
            if "--secret" in words:
                self.kept[words[4]] = stdin
            return Answer(0, json.dumps({key: {"value": value} for key, value in self.kept.items()}))
        return Answer(0, "")

    def _probes(self, system: System, skipped: frozenset[str]) -> list[Group]:
        self.probed.append((system, skipped))

        async def look() -> str:
            if not self.deployed_is_well:
                raise Failure("it is not well")
            return ""

        return [lambda: nullcontext([Probe("a part", look, "wait")])]


def google(machine: Machine) -> AbstractContextManager[str]:
    """Google's APIs, as far as a deployment asks them itself."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.path.endswith("/channels/live"), self.path
            machine.looked.append((self.headers["Authorization"], self.path))
            nothing = 404, {"error": {"code": 404, "status": "NOT_FOUND"}}
            self._answer(*machine.live.get(self.path.split("/")[-3], nothing))

        def do_POST(self) -> None:
            assert self.path == f"/v1/projects/{PROJECT}:testIamPermissions"
            assert self.headers["X-Goog-User-Project"] == PROJECT
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["permissions"]
            token = self.headers["Authorization"].removeprefix("Bearer ")
            granted = [one for one in asked if one not in machine.lacking.get(token, ())]
            self._answer(200 if token.startswith("a-token-of-") else 401, {"permissions": granted})

        def _answer(self, status: int, body: Any) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        log_message: Callable[..., None] = lambda *_: None

    return _url(Handler)


@contextmanager
def _url(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    with threaded_server(handler) as host:
        yield f"http://{host}"
