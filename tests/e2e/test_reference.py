"""The reference shows both documents in a real browser and calls no other server."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.support.browser import Window, needs_chromium
from tests.support.conformance import event_document, rest_document
from tests.support.stack import Stack

pytestmark = needs_chromium
BLOCKED = "https://cdn.redoc.ly/"
"""Redoc requests its logo there and works without it; the page's policy blocks the request."""


@pytest.fixture
def page(browser: Browser, stack: Stack) -> Iterator[Page]:
    with Window(browser, stack.url).watched(allowed=BLOCKED) as window:
        yield window.page


def heading(page: Page, text: str) -> Locator:
    """The first heading with this text, which Redoc precedes by a link and follows by a version."""
    return page.get_by_role("heading", name=re.compile(rf"(^| ){re.escape(text)}( \(?\d|$)")).first


def test_every_operation_is_shown(page):
    page.goto("/reference/")
    for _, _, operation in rest_document().operations():
        page.goto(f"/reference/#/{operation['tags'][0].lower()}/{operation['operationId']}")
        expect(heading(page, operation["summary"])).to_be_in_viewport()


def test_every_event_is_shown(page):
    page.goto("/reference/events.html")
    for name, channel in event_document().content["channels"].items():
        page.goto(f"/reference/events.html#/channels/{name}")
        expect(heading(page, channel.get("title", channel["address"]))).to_be_attached()


@pytest.mark.parametrize(("path", "title"), [("/", "REST API"), ("/events.html", "events")])
def test_a_page_is_not_wider_than_a_phone(page, path, title):
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"/reference{path}")
    expect(heading(page, f"Confab {title}")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_two_pages_and_the_web_app_link_to_each_other(page):
    page.route("**/app.bundle.js", lambda route: route.fulfill(content_type="text/javascript", body=""))
    page.goto("/")
    page.evaluate("document.body.dataset.view = 'list'")  # as after a sign-in
    with page.expect_popup() as opened:
        page.get_by_role("link", name="API reference").evaluate("link => link.click()")
    reference = opened.value
    expect(heading(reference, "Confab REST API")).to_be_visible()
    reference.get_by_role("navigation", name="Reference").get_by_role("link", name="Events").click()
    expect(heading(reference, "Confab events")).to_be_visible()
    reference.get_by_role("link", name="Web app").click()
    expect(reference).to_have_url(page.url)
