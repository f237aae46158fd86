"""The web app at every width, with input methods, double clicks, late answers and a lost server."""

import re
from datetime import timedelta

from playwright.sync_api import Page, Request, Route, expect

from tests.support.browser import Person, meet, needs_chromium
from tests.support.pubsub import closed_port
from tests.support.samples import NOW, conversation
from tests.support.stack import Stack

pytestmark = needs_chromium
WIDTHS = (390, 768, 1024, 1280)
WORDS = "Quarterly planning of the conversation backend and of all its clients, again "
BEYOND_THE_EDGE = """() => [document.documentElement, ...document.querySelectorAll("body *")]
    .filter((e) => e.getClientRects().length > 0 && e.getBoundingClientRect().right > innerWidth + 1)
    .map((e) => `${e.localName}#${e.id}.${e.className}`)"""
TWICE = "(button) => { button.click(); button.click(); }"
LIST = re.compile(r"/api/conversations\?")


def fits(page: Page) -> None:
    """At no width does anything reach beyond the right edge, or a control leave the screen."""
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate(BEYOND_THE_EDGE) == [], width
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for name in ("^Send$", "^Members$", "^More$", "^Account"):
            expect(page.get_by_role("button", name=re.compile(name))).to_be_in_viewport(ratio=1)
    page.set_viewport_size({"width": 1280, "height": 800})


def test_a_long_title_keeps_every_control_on_the_screen(ada: Person) -> None:
    ada.sign_up()
    for length in (30, 200):
        for title in ("W" * length, (WORDS * 3)[:length].strip()):
            ada.create(title)
            fits(ada.page)


def test_long_words_in_messages_and_names_stay_within_the_page(people: tuple[Person, Person]) -> None:
    ada, bo = people
    meet(ada, bo, bo_is="W" * 50)
    bo.send("x" * 400)
    ada.send("https://app.example/" + "path/" * 60)
    bo.composer.press_sequentially("Hm")
    expect(ada.typing).to_contain_text("is typing")
    fits(ada.page)
    expect(bo.messages).to_have_count(2)
    bo.page.set_viewport_size({"width": 768, "height": 800})
    assert bo.page.evaluate(BEYOND_THE_EDGE) == []


def requests(page: Page, part: str) -> list[Request]:
    """The page's requests from now on whose URLs contain this part."""
    found: list[Request] = []
    page.on("request", lambda request: found.append(request) if part in request.url else None)
    return found


def test_the_enter_that_ends_a_composition_does_not_send(ada: Person) -> None:
    ada.sign_up()
    ada.create("漢字")
    ada.composer.focus()
    keyboard = ada.page.context.new_cdp_session(ada.page)

    def press_enter(key_code: int) -> None:
        """As an input method does, which Playwright's own keyboard cannot."""
        enter = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": key_code}
        for kind in ("rawKeyDown", "keyUp"):
            keyboard.send("Input.dispatchKeyEvent", {"type": kind, **enter})

    keyboard.send("Input.imeSetComposition", {"text": "かんじ", "selectionStart": 3, "selectionEnd": 3})
    press_enter(13)  # during the composition
    expect(ada.composer).to_have_value("かんじ")
    keyboard.send("Input.insertText", {"text": "漢字"})
    press_enter(229)  # Safari's comes after the composition
    expect(ada.composer).to_have_value("漢字")
    ada.composer.press("Enter")
    ada.sees("漢字")


def test_a_double_click_reads_older_messages_once(ada: Person) -> None:
    ada.sign_up()
    ada.create("Long ago")
    said = [f"message {number}" for number in range(60)]
    for text in said:
        ada.send(text)
    ada.sees(*said)
    asked = requests(ada.page, "/log?after=0")
    ada.page.reload()
    older = ada.page.get_by_role("button", name="Load older")
    older.evaluate(TWICE)
    ada.sees(*said)
    expect(older).to_be_hidden()
    assert len(asked) == 1


def test_a_double_click_creates_one_demo_user(ada: Person) -> None:
    made = requests(ada.page, "accounts:signUp")
    ada.visit()
    ada.page.get_by_role("button", name="Continue as a demo user").evaluate(TWICE)
    ada.user_id()
    ada.page.wait_for_load_state("networkidle")
    assert [request.method for request in made].count("POST") == 1


def fifty(route: Route) -> None:
    """Answer a read of the list with the 20 of 50 conversations that it asks for."""
    asked = re.search(r"cursor=(\d+)", route.request.url)
    start = int(asked[1]) if asked else 0
    numbers = range(start, min(start + 20, 50))
    page = [conversation(f"c{number}", updated_at=NOW - timedelta(seconds=number)) for number in numbers]
    listed = [one.model_dump(mode="json", by_alias=True) for one in page]
    cursor = None if numbers.stop == 50 else str(numbers.stop)
    route.fulfill(json={"conversations": listed, "nextCursor": cursor})


def held(page: Page) -> list[Route]:
    """The next read of the list, once it comes; it waits for the test to answer."""
    reads: list[Route] = []
    page.route(LIST, lambda route: reads.append(route), times=1)  # noqa: PLW0108 - Playwright marks it
    return reads


def test_a_list_that_is_refreshed_loses_no_page_that_was_loaded(ada: Person) -> None:
    ada.page.route(LIST, fifty)
    ada.sign_up()
    shown = ada.page.locator("#conversations a")
    ada.page.get_by_role("button", name="Load more").evaluate(TWICE)
    expect(shown).to_have_count(40)
    reads = held(ada.page)
    ada.press("Load more")
    with ada.page.expect_response(LIST):
        ada.press("Refresh")
    expect(shown).to_have_count(40)
    with ada.page.expect_response(re.compile("cursor=40")):
        fifty(reads[0])
    expect(shown).to_have_count(50)


def test_a_late_list_is_not_shown_to_the_next_user(ada: Person) -> None:
    ada.sign_up()
    reads = held(ada.page)
    ada.press("Refresh")
    ada.sign_out()
    ada.email = f"eve-{ada.email}"
    ada.submit("Sign up")
    expect(ada.page.get_by_text("No conversations yet.")).to_be_visible()
    with ada.page.expect_response(LIST):
        fifty(reads[0])
    ada.page.wait_for_timeout(300)  # for nothing to happen
    expect(ada.page.locator("#conversations a")).to_have_count(0)


def test_a_confirmation_finalizes_the_conversation_that_it_names(ada: Person) -> None:
    ada.sign_up()
    other = ada.create("To be kept")
    ada.create("To be closed")
    ada.choose("Finalize…")
    ada.page.go_back()
    expect(ada.page.get_by_role("heading", name="To be kept")).to_be_attached()
    with ada.page.expect_response(re.compile("/finalize$")) as answered:
        ada.answer("Finalize")
    assert other not in answered.value.url


def test_a_failed_connection_shows_its_reason(ada: Person, stack: Stack) -> None:
    ada.sign_up()
    conversation_id = ada.create("Out of reach")
    nowhere = f"http://{closed_port()}"
    ada.page.goto(f"/?realtime={nowhere}#{conversation_id}")
    trouble = ada.page.locator("#trouble")
    for part in (nowhere, stack.url, "CONFAB_ALLOWED_ORIGINS"):
        expect(trouble).to_contain_text(part)
    fits(ada.page)
    ada.visit(conversation_id)
    ada.is_live()
    expect(trouble).to_be_hidden()
    ada.faults.clear()  # the browser logs each failed socket
