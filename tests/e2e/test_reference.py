"""The reference shows both documents in a real browser and calls no other server."""

import functools
import http.server
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.support.browser import chromium, needs_chromium
from tests.support.conformance import NOT_OPERATIONS, event_document, rest_document
from tests.support.threaded_server import threaded_server

pytestmark = needs_chromium
PUBLIC = Path(__file__).parents[2] / "public"
REST, EVENTS = rest_document().content, event_document().content
BLOCKED = "https://cdn.redoc.ly/"
"""Redoc requests its logo there and works without it; the page's policy blocks the request."""


class Files(http.server.SimpleHTTPRequestHandler):
    """Serves files as Hosting does, and logs nothing."""

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """The URL of the public folder."""
    handler = functools.partial(Files, directory=PUBLIC)
    with threaded_server(handler) as address:  # type: ignore[arg-type]
        yield f"http://{address}"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def page(browser: Browser, site: str) -> Iterator[Page]:
    """A window whose pages must not fail, nor load anything from another server."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, base_url=site)
    page = context.new_page()
    complaints: list[str] = []
    received: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("response", lambda response: received.append(response.url))
    yield page
    context.close()
    assert [complaint for complaint in complaints if BLOCKED not in complaint] == []
    assert [url for url in received if not url.startswith((site, "data:", "blob:"))] == []


def heading(page: Page, text: str) -> Locator:
    """The first heading with this text, which Redoc precedes by a link."""
    return page.get_by_role("heading", name=re.compile(f"(^| ){re.escape(text)}$")).first


def test_every_operation_is_shown(page):
    page.goto("/reference/")
    for item in REST["paths"].values():
        for operation in (item[method] for method in item.keys() - NOT_OPERATIONS):
            page.goto(f"/reference/#/{operation['tags'][0].lower()}/{operation['operationId']}")
            expect(heading(page, operation["summary"])).to_be_in_viewport()


def test_every_event_is_shown(page):
    page.goto("/reference/events.html")
    for name, channel in EVENTS["channels"].items():
        page.goto(f"/reference/events.html#/channels/{name}")
        expect(heading(page, channel.get("title", channel["address"]))).to_be_attached()


@pytest.mark.parametrize(("path", "title"), [("/", "REST API"), ("/events.html", "events")])
def test_a_page_is_not_wider_than_a_phone(page, path, title):
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"/reference{path}")
    expect(page.get_by_role("heading", name=re.compile(f"Confab {title}")).first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_two_pages_and_the_web_app_link_to_each_other(page):
    page.route("**/app.bundle.js", lambda route: route.fulfill(content_type="text/javascript", body=""))
    page.goto("/")
    page.evaluate("document.body.dataset.view = 'list'")  # as after a sign-in
    with page.expect_popup() as opened:
        page.get_by_role("link", name="API reference").evaluate("link => link.click()")
    reference = opened.value
    expect(reference.get_by_role("heading", name=re.compile("Confab REST API")).first).to_be_visible()
    reference.get_by_role("navigation", name="Reference").get_by_role("link", name="Events").click()
    expect(reference.get_by_role("heading", name="Confab events").first).to_be_visible()
    reference.get_by_role("link", name="Web app").click()
    expect(reference).to_have_url(page.url)
