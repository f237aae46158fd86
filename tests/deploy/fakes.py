"""Tools that write down how they are called, and a cloud that answers like a deployed Confab.

Of Pulumi there is so much that a stack keeps its settings.
"""

import json
import stat
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

TOOL = """#!{python} -IS
import json, os, sys
from pathlib import Path

folder = Path({folder!r})
name, words = Path(sys.argv[0]).name, sys.argv[1:]
configs = [Path(word.partition("=")[2]) for word in words if word.startswith("--config=")]
call = {{
    "words": [name, *words],
    "stdin": sys.stdin.read(),
    "agent": os.environ.get("FIREBASE_DEPLOY_AGENT"),
    "config": next((path.read_text() for path in configs if path.suffix == ".json"), None),
}}
with (folder / "calls").open("a") as calls:
    print(json.dumps(call), file=calls)
line = " ".join([name, *words])
for answer in (answers := json.loads((folder / "answers").read_text())):
    part, code, out, times = answer
    if part in line and times != 0:
        answer[3] = times - 1
        (folder / "answers").write_text(json.dumps(answers))
        print(out, file=sys.stderr if code else sys.stdout)
        sys.exit(code)

stack = folder / "stack"
if line.startswith("pulumi stack select --create") and not stack.exists():
    stack.write_text("{{}}")
if line.startswith("pulumi config"):
    if not stack.exists():
        sys.exit("error: no stack named 'x' found")
    kept = json.loads(stack.read_text())
    pairs = [word.split("=", 1) for before, word in zip(words, words[1:]) if before == "--plaintext"]
    kept |= {{key: {{"value": value, "secret": False}} for key, value in pairs}}
    if "--secret" in words:
        kept[words[3]] = {{"value": call["stdin"], "secret": True}}
    stack.write_text(json.dumps(kept))
    if "--json" in words:
        print(json.dumps(kept))
"""

PROJECT_NUMBER = "123456789012"
APPS = '{"status": "success", "result": [{"appId": "1:1:web:1"}]}'
REFUSAL = '44{"message":"x","data":{"code":"unauthenticated"}}'

GOOD = {
    "gcloud auth list": (0, "somebody@example.com"),
    "gcloud auth print-access-token": (0, "a-token-of-gcloud"),
    "gcloud auth application-default print-access-token": (0, "a-token-of-the-program"),
    "org-policies describe": (0, '{"listPolicy": {"allValues": "ALLOW"}}'),
    "firebase apps:list": (0, APPS),
    "value(projectNumber)": (0, PROJECT_NUMBER),
    "gcloud projects describe": (0, "ACTIVE"),
    "gcloud billing projects describe": (0, "True"),
    "gcloud artifacts docker images describe": (1, "not found"),
}


class Tools:
    """A folder for the PATH, and what was called in it."""

    def __init__(self, folder: Path, answers: Mapping[str, tuple[int, str]]) -> None:
        self.path = folder / "bin"
        self._folder = folder
        self._answers = {part: (code, out, -1) for part, (code, out) in answers.items()}
        self.path.mkdir()
        for name in ("gcloud", "pulumi", "firebase"):
            tool = self.path / name
            tool.write_text(TOOL.format(python=sys.executable, folder=str(folder)))
            tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
        self._write()

    def answer(self, part: str, code: int, out: str = "", *, times: int = -1) -> None:
        """Answer calls that contain this text like that, the next few or all."""
        others = {k: v for k, v in self._answers.items() if k != part}
        self._answers = {part: (code, out, times), **others}
        self._write()

    def calls(self) -> list[dict[str, Any]]:
        file = self._folder / "calls"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def kept(self) -> dict[str, str]:
        """The settings of the stack."""
        found = json.loads((self._folder / "stack").read_text())
        return {key: each["value"] for key, each in found.items()}

    def forget(self) -> None:
        """Forget the calls so far."""
        (self._folder / "calls").unlink(missing_ok=True)

    def changes(self) -> list[dict[str, Any]]:
        """The calls that change something, or say what will change."""
        changing = ("stack select", "config set", "preview", " up ", "destroy", "builds submit", "deploy")
        return [call for call in self.calls() if any(one in " ".join(call["words"]) for one in changing)]

    def _write(self) -> None:
        rows = [(part, *answer) for part, answer in self._answers.items()]
        (self._folder / "answers").write_text(json.dumps(rows))


class Cloud:
    """A realtime container on one address, all the rest on another: site and Google's APIs."""

    def __init__(self) -> None:
        self.url = self.realtime = ""
        self.lacking: dict[str, set[str]] = {}
        """By the token of who lacks them."""
        self.live: dict[str, tuple[int, Any]] = {}
        """What Hosting says of a site's live channel; of others, that there is no such site."""
        self.looked: list[tuple[str | None, str]] = []
        """Who has asked for live channels, and which."""
        self.missing: list[str] = []
        """What the container is not ready for the lack of."""
        self.stranger = "INVALID_LOGIN_CREDENTIALS"
        """What Firebase Auth says of somebody it does not know."""
        self.web_app = {"apiKey": "public"}
        self.problem = "unauthenticated"
        self.refusal = REFUSAL

    @contextmanager
    def running(self) -> Iterator["Cloud"]:
        with ExitStack() as stack:
            web = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
            realtime = serve(self._refuse, "127.0.0.1", 0, process_request=self._ready)
            self.url = f"http://127.0.0.1:{web.server_port}"
            self.realtime = f"http://127.0.0.1:{realtime.socket.getsockname()[1]}"
            for server in (web, realtime):
                thread = threading.Thread(target=server.serve_forever)
                thread.start()
                stack.callback(thread.join)
                stack.callback(server.shutdown)
            stack.callback(web.server_close)
            yield self

    def outputs(self) -> dict[str, Any]:
        """What the stack says when it is deployed here."""
        rewrites = [{"source": "/api/**", "run": {"serviceId": "confab-conversations", "region": "r"}}]
        return {"webUrl": self.url, "realtimeUrls": [self.realtime], "site": "a-site", "rewrites": rewrites}

    def google(self, path: str, authorization: str | None, body: bytes) -> tuple[int, Any] | None:
        """What one of Google's APIs answers, None where the path is none of theirs."""
        if path.startswith("/v1/accounts:signInWithPassword?key=public"):
            return 400, {"error": {"message": self.stranger}}
        if path == "/__/firebase/init.json":
            return 200, self.web_app
        if path.endswith("/channels/live"):
            self.looked.append((authorization, path))
            nothing = 404, {"error": {"code": 404, "status": "NOT_FOUND"}}
            return self.live.get(path.split("/")[-3], nothing)
        if not path.endswith(":testIamPermissions"):
            return None
        token = (authorization or "").removeprefix("Bearer ")
        if not token.startswith("a-token-of-"):
            return 401, {}
        asked = json.loads(body)["permissions"]
        return 200, {"permissions": [one for one in asked if one not in self.lacking.get(token, ())]}

    def _ready(self, socket: ServerConnection, request: Request) -> Response | None:
        if request.path != "/ready":
            return None
        status = HTTPStatus.SERVICE_UNAVAILABLE if self.missing else HTTPStatus.OK
        return socket.respond(status, json.dumps({"missing": self.missing}))

    def _refuse(self, socket: ServerConnection) -> None:
        socket.send('0{"sid":"x"}')
        assert str(socket.recv()).startswith("40")
        socket.send(self.refusal)


def _handler(cloud: Cloud) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/":
                self._answer(200, "text/html", b"<!doctype html>")
            else:
                self._google(b"")

        def do_POST(self) -> None:
            self._google(self.rfile.read(int(self.headers["Content-Length"] or 0)))

        def _google(self, body: bytes) -> None:
            if (said := cloud.google(self.path, self.headers["Authorization"], body)) is None:
                self._refuse()
            else:
                self._answer(said[0], "application/json", json.dumps(said[1]).encode())

        def _refuse(self) -> None:
            problem = json.dumps({"code": cloud.problem}).encode()
            self._answer(401, "application/problem+json", problem)

        def _answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler
