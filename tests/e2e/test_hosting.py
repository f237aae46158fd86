"""The headers and redirects of Firebase Hosting's emulator."""

from pathlib import Path

import httpx

from tests.support.stack import Stack

PUBLIC = Path(__file__).parents[2] / "public"


def test_no_browser_caches_a_file_of_an_older_release(stack: Stack) -> None:
    """Hosting's default of max-age=3600 would serve old files for an hour after a release."""
    files = {path.relative_to(PUBLIC).as_posix() for path in PUBLIC.rglob("*.*") if path.suffix != ".svg"}
    assert {"app.bundle.js", "confab/room.js", "reference/redoc.bundle.js"} <= files
    served = {"", "reference/", *(file for file in files if not file.startswith("src/"))}
    with httpx.Client(base_url=stack.url) as client:
        for path in served:
            answer = client.get(f"/{path}")
            assert (answer.status_code, answer.headers.get("Cache-Control")) == (200, "no-cache"), path


def test_the_former_reference_page_redirects(stack: Stack) -> None:
    response = httpx.get(f"{stack.url}/reference.html")
    assert (response.status_code, response.headers["Location"]) == (301, "/reference/")
