"""The headers, redirects and rewrites of Firebase Hosting's emulator."""

import asyncio
import gzip
import json
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.support.api import API
from tests.support.auth_emulator import AuthEmulator
from tests.support.stack import Stack

PUBLIC = Path(__file__).parents[2] / "public"
FIREBASE = PUBLIC.with_name("firebase.json")


def test_no_browser_caches_a_file_of_an_older_release(stack: Stack) -> None:
    """Hosting's default of max-age=3600 would serve old files for an hour after a release."""
    unreleased = tuple(glob.rstrip("*") for glob in json.loads(FIREBASE.read_text())["hosting"]["ignore"])
    files = {path.relative_to(PUBLIC).as_posix() for path in PUBLIC.rglob("*.*") if path.is_file()}
    served = {"", "reference/", *(file for file in files if not file.startswith(unreleased))}
    assert {"app.bundle.js", "icon.svg", "reference/redoc.bundle.js", "reference/openapi.yaml"} <= served
    with httpx.Client(base_url=stack.url) as client:
        for path in served:
            answer = client.get(f"/{path}")
            status = 404 if path == "404.html" else 200
            assert (answer.status_code, answer.headers.get("Cache-Control")) == (status, "no-cache"), path
        assert "There is no such page" in client.get("/rooms/1").text
        for path, caching in {
            "/no-such-file.js": "no-cache",
            "/rooms/1": "no-cache",
            API: "no-store",
        }.items():
            assert client.get(path).headers["Cache-Control"] == caching
        assert client.get(API).headers.get_list("X-Content-Type-Options") == ["nosniff"]


def test_hidden_files_are_not_released_but_those_that_are_well_known(tmp_path: Path) -> None:
    released, hidden = {"index.html", ".well-known/security.txt"}, {".env", ".git/config", "a/.hidden"}
    for name in released | hidden:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    script = "const [folder, config] = process.argv.slice(1); console.log(JSON.stringify("
    script += "require('firebase-tools/lib/listFiles').listFiles(folder, require(config).hosting.ignore)))"
    command = ["node", "-e", script, str(tmp_path), str(FIREBASE)]
    found = subprocess.run(command, cwd=FIREBASE.parent, capture_output=True, check=True, timeout=30)
    assert set(json.loads(found.stdout)) == released


CHAT, FORCED, PACKED = b'{"type":"chat"}', b'{"type":"chat","force":1}', gzip.compress(b'{"type":"chat"}')
BODIES: dict[str, tuple[dict[str, str], bytes | list[bytes], tuple[int, str | None]]] = {
    "in chunks": ({}, [CHAT], (201, None)),
    "in chunks, with what is unknown": ({}, [FORCED], (400, "invalid_request")),
    "announced": ({"Expect": "100-continue"}, CHAT, (201, None)),
    "packed": ({"Content-Encoding": "gzip"}, PACKED, (415, "unsupported_media_type")),
    "packed, in chunks": ({"Content-Encoding": "gzip"}, [PACKED], (415, "unsupported_media_type")),
}


@pytest.mark.parametrize("how", BODIES)
def test_a_body_is_read_by_way_of_hosting_or_refused(stack: Stack, how: str) -> None:
    headers, body, answer = BODIES[how]
    user = asyncio.run(AuthEmulator(stack.auth).user())
    sent = {**user.headers, "Content-Type": "application/json", **headers}
    given = httpx.post(f"{stack.url}{API}", content=body, headers=sent, timeout=20)
    assert (given.status_code, given.json().get("code")) == answer


def test_the_former_reference_page_redirects(stack: Stack) -> None:
    response = httpx.get(f"{stack.url}/reference.html")
    assert (response.status_code, response.headers["Location"]) == (301, "/reference/")
