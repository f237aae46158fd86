"""An operator's machine for the deploy command, with fakes of the tools and of Google's APIs."""

import io
import json
import os
import sys
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import pytest

from confab.store.users import ROLES
from infra.deploy import commands, prove, stack
from infra.deploy.__main__ import _parser
from infra.deploy.project import APIS, PAGE_APIS
from infra.deploy.runner import Answer, Command, Runner
from infra.probes.probe import Failure, Group, Probe
from infra.probes.system import System

USER, PASSWORD = "keeper", "never to be seen"
PROJECT = "confab-trial"
DIGEST = f"sha256:{'5e' * 32}"
PAGE = "confab-trial-confab"
HOSTING = f"https://firebasehosting.googleapis.com/v1beta1/projects/{PROJECT}/sites"
PERMISSIONS = f"https://cloudresourcemanager.googleapis.com/v1/projects/{PROJECT}:testIamPermissions"
PASSWORDS = {role: f"{PASSWORD}, {role}" for role in ROLES}
STORE = {"SURREALDB_URL": "wss://db.example", "SURREALDB_USERS": USER}
STORE |= {f"SURREALDB_{role.upper()}_PASSWORD": password for role, password in PASSWORDS.items()}
OUTPUTS: dict[str, Any] = {
    "webUrl": "https://a-site.web.app",
    "rewrites": [{"source": "/api/**", "run": {"serviceId": "confab-conversations", "region": "r"}}],
    "functions": {"/api/**": "https://conversations.example"},
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
    "pubsub subscriptions list": f"projects/{PROJECT}/subscriptions/confab-1",
    "pubsub topics list": f"projects/{PROJECT}/topics/confab-events\nprojects/{PROJECT}/topics/own",
    "get-iam-policy": "{}",
    "gcloud services list": "\n".join(APIS + PAGE_APIS),
}


@dataclass(frozen=True)
class Call:
    """A call of a tool."""

    words: tuple[str, ...]
    stdin: str
    env: Mapping[str, str]
    config: str | None
    """Its firebase.json."""


class Tools(Runner):
    """Runs the machine's tools."""

    def __init__(self, machine: "Machine", env: Mapping[str, str]) -> None:
        super().__init__(env)
        self._machine = machine

    def find(self, tool: str) -> str | None:
        return f"/bin/{tool}" if tool in self._machine.tools else None

    def ask(self, *words: str, env: Mapping[str, str] | None = None) -> Answer:
        return self._machine.call(words, self.env | dict(env or {}), changes=False)

    def attempt(self, command: Command) -> Answer:
        return self._machine.call(
            command.words, {**self.env, **command.env, **command.secrets}, command.stdin, changes=True
        )

    def sleep(self, seconds: float) -> None:
        self._machine.slept.append(seconds)


class Machine:
    """Every prerequisite is met; a test breaks one."""

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
        self.live: dict[str, tuple[int, Any] | httpx.HTTPError] = {}
        """Hosting's responses about live channels, by site; other sites do not exist."""
        self.inspected: list[tuple[str, str]] = []
        """The tokens that asked for live channels, and the sites."""
        self.variables = dict(OUTPUTS["variables"])
        self.default_site = "the-default"
        self.deployed_is_well = True
        self.probed: list[tuple[System, frozenset[str]]] = []
        self.root = root
        self._capfd = capfd
        self._answers = {part: (0, out, -1) for part, out in GOOD.items()}
        self._answers["gcloud artifacts docker images describe"] = (1, "not found", -1)

    def answer(self, part: str, code: int, out: str = "", *, times: int = -1) -> None:
        """Answer this to calls that contain `part`, to the next few or to all."""
        self._answers = {part: (code, out, times), **{k: v for k, v in self._answers.items() if k != part}}

    def run(self, command: str, *options: str, stdin: str = "") -> tuple[int, str]:
        """The exit code and the output."""
        self.asked.clear()
        self.changes.clear()
        with (
            patch.dict(os.environ, self.env, clear=True),
            patch.object(sys, "stdin", io.StringIO(stdin)),
            patch.object(httpx, "request", self._google),
            patch.object(stack, "ROOT", self.root),
            patch.object(commands, "probes", self._probes),
            patch.object(commands, "web", lambda system: self._probes(system, frozenset())[0]()),
            patch.object(commands, "PATIENCE_S", 0),
        ):
            parsed = _parser().parse_args([command, "--project", PROJECT, *options])
            code = commands.run(parsed, {**commands.COMMANDS, "prove": prove.prove}, partial(Tools, self))
        printed = self._capfd.readouterr()
        return code, printed.out + printed.err

    def up(self, *options: str) -> tuple[int, str]:
        return self.run("up", "--yes", *options)

    def call(
        self, words: tuple[str, ...], env: Mapping[str, str], stdin: str = "", *, changes: bool
    ) -> Answer:
        configs = [Path(word.partition("=")[2]) for word in words if word.startswith("--config=")]
        config = next((path.read_text() for path in configs if path.suffix == ".json"), None)
        (self.changes if changes else self.asked).append(Call(words, stdin, env, config))
        line = " ".join(words)
        if "builds submit" in line:
            self.answer("images describe", 0, DIGEST)
        for part, (code, out, times) in self._answers.items():
            if part in line and times != 0:
                self._answers[part] = code, out, times - 1
                return Answer(code, out)
        return self._pulumi(words, stdin) if words[0] == "pulumi" else Answer(0, "")

    def _pulumi(self, words: tuple[str, ...], stdin: str) -> Answer:
        if words[1:4] == ("stack", "select", "--create"):
            self.kept = self.kept or {}
        elif words[1:3] == ("stack", "output"):
            page = (self.kept or {}).get("confab:page")
            outputs = OUTPUTS | {"page": page, "variables": self.variables}
            return Answer(0, json.dumps(outputs if self.kept else {}))
        elif words[1:3] == ("config", "rm"):
            del (self.kept or {})[words[3]]
        elif words[1] == "config" and self.kept is None:
            return Answer(255, "", "error: no stack named 'production' found")
        elif words[1] == "config":
            assert self.kept is not None
            pairs = [after for before, after in pairwise(words) if before == "--plaintext" and "=" in after]
            self.kept |= dict(pair.split("=", 1) for pair in pairs)
            if "--secret" in words:
                self.kept[words[4]] = stdin
            elif words[2:4] == ("set", "--plaintext"):
                self.kept[words[4]] = words[5]
            return Answer(0, json.dumps({key: {"value": value} for key, value in self.kept.items()}))
        return Answer(0, "")

    def _google(self, method: str, url: str, **request: Any) -> httpx.Response:
        """Hosting's live channels, and the permissions of a token's account."""
        assert request["headers"]["X-Goog-User-Project"] == PROJECT
        token = request["headers"]["Authorization"].removeprefix("Bearer ")
        if method == "GET":
            site, channel, _ = url.removeprefix(f"{HOSTING}/").partition("/channels/live")
            if not channel:
                kind = "DEFAULT_SITE" if site == self.default_site else "USER_SITE"
                return httpx.Response(200, json={"type": kind})
            self.inspected.append((token, site))
            match self.live.get(site, (404, {"error": {"code": 404, "status": "NOT_FOUND"}})):
                case int(status), body:
                    return httpx.Response(status, json=body)
                case error:
                    raise error
        assert url == PERMISSIONS
        granted = [one for one in request["json"]["permissions"] if one not in self.lacking.get(token, ())]
        return httpx.Response(200 if token.startswith("a-token-of-") else 401, json={"permissions": granted})

    def _probes(self, system: System, skipped: frozenset[str]) -> list[Group]:
        self.probed.append((system, skipped))

        async def check() -> str:
            if not self.deployed_is_well:
                raise Failure("it is not well")
            return ""

        return [lambda: nullcontext([Probe("a part", check, "wait")])]
