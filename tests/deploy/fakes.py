"""Tools that only write down how they are called, and a cloud that answers like a deployed Confab."""

import json
import stat
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from websockets.sync.server import ServerConnection, serve

TOOL = """#!{python} -IS
import json, sys
from pathlib import Path

folder = Path({folder!r})
name, words = Path(sys.argv[0]).name, sys.argv[1:]
configs = [Path(word.partition("=")[2]) for word in words if word.startswith("--config=")]
call = {{
    "words": [name, *words],
    "stdin": sys.stdin.read(),
    "config": next((path.read_text() for path in configs if path.suffix == ".json"), None),
}}
with (folder / "calls").open("a") as calls:
    print(json.dumps(call), file=calls)
line = " ".join([name, *words])
for part, code, out in json.loads((folder / "answers").read_text()):
    if part in line:
        print(out)
        sys.exit(code)
"""

PROJECT_NUMBER = "123456789012"
REFUSAL = '44{"message":"x","data":{"code":"unauthenticated"}}'

GOOD = {
    "gcloud auth list": (0, "somebody@example.com"),
    "gcloud auth print-access-token": (0, "a-token-of-gcloud"),
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
        self._answers = dict(answers)
        self.path.mkdir()
        for name in ("gcloud", "pulumi", "firebase"):
            tool = self.path / name
            tool.write_text(TOOL.format(python=sys.executable, folder=str(folder)))
            tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
        self._write()

    def answer(self, part: str, code: int, out: str = "") -> None:
        """Answer calls that contain this text like that."""
        self._answers = {part: (code, out), **{k: v for k, v in self._answers.items() if k != part}}
        self._write()

    def calls(self) -> list[dict[str, Any]]:
        file = self._folder / "calls"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def changes(self) -> list[dict[str, Any]]:
        """The calls that change something."""
        changing = ("stack select", "config set", " up ", "destroy", "builds submit", "deploy")
        return [call for call in self.calls() if any(one in " ".join(call["words"]) for one in changing)]

    def _write(self) -> None:
        rows = [(part, code, out) for part, (code, out) in self._answers.items()]
        (self._folder / "answers").write_text(json.dumps(rows))


class Cloud:
    """Hosting, functions and Resource Manager on one address, a realtime container on another."""

    def __init__(self) -> None:
        self.url = self.realtime = ""
        self.lacking: set[str] = set()
        self.web_app = {"apiKey": "public"}
        self.problem = "unauthenticated"
        self.refusal = REFUSAL
        self.asked: list[str] = []

    @contextmanager
    def running(self) -> Iterator["Cloud"]:
        with ExitStack() as stack:
            web = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
            realtime = serve(self._refuse, "127.0.0.1", 0)
            self.url = f"http://127.0.0.1:{web.server_port}"
            self.realtime = f"http://127.0.0.1:{realtime.socket.getsockname()[1]}"
            for server in (web, realtime):
                thread = threading.Thread(target=server.serve_forever)
                thread.start()
                stack.callback(thread.join)
                stack.callback(server.shutdown)
            stack.callback(web.server_close)
            yield self

    def _refuse(self, socket: ServerConnection) -> None:
        socket.send('0{"sid":"x"}')
        assert str(socket.recv()).startswith("40")
        socket.send(self.refusal)


def _handler(cloud: Cloud) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/":
                self._answer(200, "text/html", b"<!doctype html>")
            elif self.path == "/__/firebase/init.json":
                self._answer(200, "application/json", json.dumps(cloud.web_app).encode())
            else:
                self._refuse()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            if not self.path.endswith(":testIamPermissions"):
                self._refuse()
            elif self.headers["Authorization"] != "Bearer a-token-of-gcloud":
                self._answer(401, "application/json", b"{}")
            else:
                granted = [one for one in json.loads(body)["permissions"] if one not in cloud.lacking]
                self._answer(200, "application/json", json.dumps({"permissions": granted}).encode())

        def _refuse(self) -> None:
            cloud.asked.append(f"{self.command} {self.path}")
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
