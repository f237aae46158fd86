"""The web app at every width, with input methods, double clicks, late answers and a lost server."""

import re
import socket
import uuid
from typing import Any

import pytest
from playwright.sync_api import Page, Request, Route, expect

from tests.support.browser import PASSWORD, Person, needs_chromium, sign_up
from tests.support.stack import Stack

pytestmark = needs_chromium
WIDTHS = (390, 768, 1024, 1280)
WORDS = "Quarterly planning of the conversation backend and of all its clients, again "
BEYOND_THE_EDGE = """() => [document.documentElement, ...document.querySelectorAll("body *")]
    .filter((e) => e.getClientRects().length > 0 && e.getBoundingClientRect().right > innerWidth + 1)
    .map((e) => `${e.localName}#${e.id}.${e.className}`)"""
TWICE = "(button) => { button.click(); button.click(); }"


@pytest.fixture
def ada(people: tuple[Person, Person]) -> Person:
    return people[0]


def fits(page: Page) -> None:
    """At no width does anything reach beyond the right edge, or a control leave the screen."""
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate(BEYOND_THE_EDGE) == [], width
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for name in ("Send", "Finalize…", "Sign out"):
            expect(page.get_by_role("button", name=name, exact=True)).to_be_in_viewport(ratio=1)
    page.set_viewport_size({"width": 1280, "height": 800})


def test_a_long_title_keeps_every_control_on_the_screen(ada: Person) -> None:
    sign_up(ada, "ada")
    for length in (30, 60, 200):
        for title in ("W" * length, (WORDS * 3)[:length].strip()):
            ada.create(title, members={})
            fits(ada.page)


def test_long_words_in_messages_and_names_stay_within_the_page(people: tuple[Person, Person]) -> None:
    ada, bo = people
    sign_up(ada, "ada")
    _, bo_id = sign_up(bo, "W" * 50)
    title = uuid.uuid4().hex
    ada.create(title, members={bo_id: "write"})
    bo.open(title)
    bo.send("x" * 400)
    ada.send("https://app.example/" + "path/" * 60)
    bo.composer().press_sequentially("Hm")
    expect(ada.typing()).to_contain_text("is typing")
    fits(ada.page)
    expect(bo.messages()).to_have_count(2)
    bo.page.set_viewport_size({"width": 768, "height": 800})
    assert bo.page.evaluate(BEYOND_THE_EDGE) == []


def requests(page: Page, part: str) -> list[Request]:
    """The page's requests from now on whose URLs contain this part."""
    found: list[Request] = []

    def note(request: Request) -> None:
        if part in request.url:
            found.append(request)

    page.on("request", note)
    return found


def press_enter_in_an_input_method(page: Page, *, key_code: int) -> None:
    enter = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": key_code}
    keyboard = page.context.new_cdp_session(page)
    keyboard.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", **enter})
    keyboard.send("Input.dispatchKeyEvent", {"type": "keyUp", **enter})


def test_the_enter_that_ends_a_composition_does_not_send(ada: Person) -> None:
    sign_up(ada, "ada")
    ada.create("漢字", members={})
    ada.composer().focus()
    keyboard = ada.page.context.new_cdp_session(ada.page)
    keyboard.send("Input.imeSetComposition", {"text": "かんじ", "selectionStart": 3, "selectionEnd": 3})
    press_enter_in_an_input_method(ada.page, key_code=13)  # during the composition
    expect(ada.composer()).to_have_value("かんじ")
    keyboard.send("Input.insertText", {"text": "漢字"})
    press_enter_in_an_input_method(ada.page, key_code=229)  # Safari's comes after the composition
    expect(ada.composer()).to_have_value("漢字")
    ada.composer().press("Enter")
    expect(ada.messages()).to_have_text(["漢字"])


def test_a_double_click_reads_older_messages_once(ada: Person) -> None:
    sign_up(ada, "ada")
    ada.create("Long ago", members={})
    said = [f"message {number}" for number in range(60)]
    for text in said:
        ada.send(text)
    expect(ada.messages()).to_have_count(60)
    asked = requests(ada.page, "before=")
    ada.page.reload()
    older = ada.page.get_by_role("button", name="Load older")
    older.evaluate(TWICE)
    expect(ada.messages()).to_have_text(said)
    expect(older).to_be_hidden()
    assert len(asked) == 1


class Lists:
    """Answers a page's reads of the list, and can hold one of them."""

    def __init__(self, page: Page) -> None:
        self.total = 50
        self.holds_next = False
        self.held: list[Route] = []
        page.route(re.compile(r"/api/conversations\?"), self._asked)

    def answer(self, route: Route) -> None:
        """Answer with the 20 that the request asks for."""
        asked = re.search(r"cursor=(\d+)", route.request.url)
        start = int(asked[1]) if asked else 0
        end = min(start + 20, self.total)
        page = [conversation(number) for number in range(start, end)]
        route.fulfill(json={"conversations": page, "nextCursor": str(end) if end < self.total else None})

    def _asked(self, route: Route) -> None:
        if self.holds_next:
            self.holds_next = False
            self.held.append(route)
        else:
            self.answer(route)


def conversation(number: int) -> dict[str, Any]:
    """A conversation by its number in the list, latest activity first."""
    return {
        "id": f"c{number}",
        "type": "chat",
        "title": f"Plan {number}",
        "owner": "somebody",
        "members": [],
        "status": "active",
        "seq": 0,
        "metadata": {},
        "createdAt": "2026-01-02T03:00:00.000Z",
        "updatedAt": f"2026-01-02T03:04:{59 - number:02}.000Z",
        "finalizedAt": None,
        "realtimeUrl": "http://127.0.0.1:9",
    }


def test_a_list_that_is_refreshed_during_a_read_loses_no_page(ada: Person) -> None:
    lists = Lists(ada.page)
    sign_up(ada, "ada")
    shown = ada.page.locator("#conversations a")
    more = ada.page.get_by_role("button", name="Load more")
    more.evaluate(TWICE)
    expect(shown).to_have_count(40)
    lists.holds_next = True
    more.click()
    ada.page.get_by_role("button", name="Refresh").click()
    expect(shown).to_have_count(20)
    with ada.page.expect_response(re.compile("cursor=40")):
        lists.answer(lists.held[0])
    more.click()
    expect(shown).to_have_count(40)
    more.click()
    expect(shown).to_have_count(50)


def test_a_late_list_is_not_shown_to_the_next_user(ada: Person) -> None:
    sign_up(ada, "ada")
    lists = Lists(ada.page)
    lists.holds_next = True
    ada.page.get_by_role("button", name="Refresh").click()
    ada.page.get_by_role("button", name="Sign out").click()
    lists.total = 0
    ada.sign_up(f"eve-{uuid.uuid4().hex[:8]}@demo.example", PASSWORD)
    expect(ada.page.get_by_text("No conversations yet.")).to_be_visible()
    lists.total = 50
    with ada.page.expect_response(re.compile(r"/api/conversations\?")):
        lists.answer(lists.held[0])
    ada.page.wait_for_timeout(300)  # for nothing to happen
    expect(ada.page.locator("#conversations a")).to_have_count(0)


def test_a_confirmation_finalizes_the_conversation_that_it_names(ada: Person) -> None:
    sign_up(ada, "ada")
    other = ada.create("To be kept", members={})
    ada.create("To be closed", members={})
    ada.page.get_by_role("button", name="Finalize…").click()
    ada.page.go_back()
    expect(ada.page.get_by_role("heading", name="To be kept")).to_be_attached()
    with ada.page.expect_response(re.compile("/finalize$")) as answered:
        ada.page.get_by_role("dialog").get_by_role("button", name="Finalize", exact=True).click()
    assert other not in answered.value.url


def test_a_double_click_creates_one_demo_user(ada: Person) -> None:
    made = requests(ada.page, "accounts:signUp")
    ada.visit()
    ada.page.get_by_role("button", name="Continue as a demo user").evaluate(TWICE)
    ada.user_id()
    ada.page.wait_for_load_state("networkidle")
    assert [request.method for request in made].count("POST") == 1


def test_a_failed_connection_shows_its_reason(ada: Person, stack: Stack) -> None:
    sign_up(ada, "ada")
    conversation_id = ada.create("Out of reach", members={})
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nothing listens here
        nowhere = f"http://127.0.0.1:{taken.getsockname()[1]}"
        ada.page.goto(f"{stack.url}/?realtime={nowhere}#{conversation_id}")
        trouble = ada.page.locator("#trouble")
        for part in (nowhere, stack.url, "CONFAB_ALLOWED_ORIGINS"):
            expect(trouble).to_contain_text(part)
        fits(ada.page)
    ada.complaints.clear()  # the browser logs each failed socket
    ada.visit(conversation_id)
    ada.is_live()
    ada.complaints.clear()  # the browser logs each failed socket
    expect(trouble).to_be_hidden()
