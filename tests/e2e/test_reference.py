"""The reference page in a real browser shows everything that is in the two documents."""

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browser import chromium, needs_chromium
from tests.support.conformance import event_document, rest_document

pytestmark = needs_chromium
PUBLIC = Path(__file__).parents[2] / "public"
REST, EVENTS = rest_document().content, event_document().content
DESKTOP, PHONE = (1280, 900), (390, 844)


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files as Hosting does, without a word."""

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """The URL of the public folder."""
    handler = functools.partial(Quiet, directory=PUBLIC)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(params=[DESKTOP, PHONE], ids=["desktop", "phone"])
def page(request: pytest.FixtureRequest, browser: Browser, site: str) -> Iterator[Page]:
    """The reference page; its scripts must not fail, nor talk to anybody else."""
    width, height = request.param
    context = browser.new_context(viewport={"width": width, "height": height})
    page = context.new_page()
    complaints: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{site}/reference.html")
    expect(page.get_by_role("heading", name="Objects", exact=True)).to_be_visible()
    yield page
    context.close()
    assert complaints == []
    assert all(url.startswith(site) for url in asked)


def article(page: Page, heading: str) -> str:
    """The text of the part whose heading has this id."""
    return str(page.locator("article", has=page.locator(f"[id='{heading}']")).evaluate("e => e.textContent"))


def test_every_operation_is_shown_with_its_parameters_and_answers(page):
    for path, item in REST["paths"].items():
        for method, operation in item.items():
            if method == "parameters":
                continue
            shown = article(page, operation["operationId"])
            assert f"{method.upper()} {path}" in shown
            for status in operation["responses"]:
                assert status in shown
            for parameter in operation.get("parameters", []):
                assert parameter.get("name", parameter.get("$ref", "").rpartition("/")[2]) in shown


def test_every_event_is_shown_with_its_fields_and_refusals(page):
    for name, channel in EVENTS["channels"].items():
        for key in channel["messages"]:
            message = EVENTS["components"]["messages"][key]
            shown = article(page, f"bus-{key}" if name == "bus" else f"event-{name}")
            schema = EVENTS["components"]["schemas"][message["payload"]["$ref"].rpartition("/")[2]]
            names = [e["name"] for e in message["examples"] if "name" in e] or schema.get("properties", {})
            assert all(field in shown for field in names), (key, names)


def test_every_error_and_every_object_has_its_part(page):
    for code in REST["components"]["schemas"]["Problem"]["discriminator"]["mapping"]:
        assert f"urn:confab:error:{code}" in article(page, f"error-{code}")
    for document in (REST, EVENTS):
        for name, schema in document["components"]["schemas"].items():
            if not name.endswith(("Problem", "Refused")):
                assert all(field in article(page, f"object-{name}") for field in schema.get("properties", {}))


def test_every_link_leads_to_a_part_of_the_page(page):
    broken = page.evaluate(
        """() => [...document.querySelectorAll("a[href^='#']")]
            .map((link) => link.getAttribute("href").slice(1))
            .filter((id) => document.getElementById(id) === null)"""
    )
    assert broken == []


def test_the_page_is_not_wider_than_the_screen(page):
    for example in page.locator("details.example").all()[:5]:
        example.locator("summary").click()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_link_from_outside_opens_at_its_part(page, site):
    page.goto("about:blank")
    page.goto(f"{site}/reference.html#event-resync")
    expect(page.locator("#event-resync")).to_be_in_viewport()


def test_a_document_that_is_missing_is_told(browser, site):
    page = browser.new_page()
    page.route("**/asyncapi.json", lambda route: route.fulfill(status=404, body=""))
    page.goto(f"{site}/reference.html")
    expect(page.get_by_role("status")).to_have_text(
        "The reference could not be loaded: /reference/asyncapi.json answered 404"
    )
    page.close()


def test_the_web_app_has_a_link_to_the_page(browser, site):
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    app = context.new_page()
    app.route("**/app.bundle.js", lambda route: route.fulfill(content_type="text/javascript", body=""))
    app.goto(f"{site}/")
    app.evaluate("document.body.dataset.view = 'list'")  # as once somebody has signed in
    with app.expect_popup() as opened:
        app.get_by_role("link", name="API reference").click()
    expect(opened.value.get_by_role("heading", name="Objects", exact=True)).to_be_visible()
    context.close()
