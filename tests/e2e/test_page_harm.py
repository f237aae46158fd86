"""What a reader or a writer must not lose in the web app: by a width, a key, a click, or a lost server."""

import uuid

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import CHROMIUM, Person, sign_up

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason=f"there is no Chromium at {CHROMIUM}")
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
    """Nothing is beyond the right edge, at any width, and one can still send and finalize."""
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate(BEYOND_THE_EDGE) == [], width
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for name in ("Send", "Finalize…", "Sign out"):
            expect(page.get_by_role("button", name=name, exact=True)).to_be_in_viewport(ratio=1)
    page.set_viewport_size({"width": 1280, "height": 800})


@pytest.mark.parametrize("length", [30, 60, 200])
@pytest.mark.parametrize("kind", ["words", "unbroken"])
def test_a_long_title_keeps_every_control_on_the_screen(ada: Person, kind: str, length: int) -> None:
    sign_up(ada, "ada")
    title = "W" * length if kind == "unbroken" else (WORDS * 3)[:length].strip()
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
    press_enter_in_an_input_method(ada.page, key_code=13)  # while it composes
    expect(ada.composer()).to_have_value("かんじ")
    keyboard.send("Input.insertText", {"text": "漢字"})
    press_enter_in_an_input_method(ada.page, key_code=229)  # Safari's: the composition has ended before
    expect(ada.composer()).to_have_value("漢字")
    ada.composer().press("Enter")
    expect(ada.messages()).to_have_text(["漢字"])
