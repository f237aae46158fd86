"""The headers and redirects of Firebase Hosting's emulator."""

from pathlib import Path

import httpx

from tests.support.stack import Stack

PUBLIC = Path(__file__).parents[2] / "public"


def test_no_browser_caches_a_file_of_an_older_release(stack: Stack) -> None:
    """Hosting's default of max-age=3600 would serve old files for an hour after a release."""
    files = {path.relative_to(PUBLIC).as_posix() for path in PUBLIC.rglob("*.*") if path.suffix != ".svg"}
    served = {"", "reference/", *(file for file in files if not file.startswith("src/"))}
    assert {
        "index.html",
        "confab.js",
        "confab/room.js",
        "reference/openapi.yaml",
        "reference/redoc.bundle.js",
    } <= served
    with httpx.Client(base_url=stack.url) as client:
        answers = {path: client.get(f"/{path}") for path in served}
    assert {path: answer.status_code for path, answer in answers.items() if answer.status_code != 200} == {}
    caching = {path: answer.headers.get("Cache-Control") for path, answer in answers.items()}
    assert {path: header for path, header in caching.items() if header != "no-cache"} == {}


def test_no_response_of_the_api_is_cached(stack: Stack) -> None:
    assert httpx.get(f"{stack.url}/api/conversations").headers["Cache-Control"] == "no-store"


def test_the_former_reference_page_redirects(stack: Stack) -> None:
    response = httpx.get(f"{stack.url}/reference.html")
    assert (response.status_code, response.headers["Location"]) == (301, "/reference/")
