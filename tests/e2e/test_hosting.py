"""What Firebase Hosting's emulator says beside the files of the web app."""

from pathlib import Path

import httpx

from tests.support.stack import Stack

PUBLIC = Path(__file__).parents[2] / "public"


def test_a_release_reaches_every_browser_at_once(stack: Stack) -> None:
    """No file is used for an hour after a release, as Hosting's own max-age=3600 would have it."""
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
    assert {path: told for path, told in caching.items() if told != "no-cache"} == {}


def test_what_the_api_says_is_kept_nowhere(stack: Stack) -> None:
    assert httpx.get(f"{stack.url}/api/conversations").headers["Cache-Control"] == "no-store"


def test_links_to_the_former_reference_page_still_lead_there(stack: Stack) -> None:
    response = httpx.get(f"{stack.url}/reference.html")
    assert (response.status_code, response.headers["Location"]) == (301, "/reference/")
