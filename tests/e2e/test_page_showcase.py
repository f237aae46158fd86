"""The web app as others judge it: its weight, who can use it, whose words it shows, what it keeps."""

import gzip
import re
from typing import Any

from playwright.sync_api import Browser, Locator, Response, Route, expect

from tests.support.browser import Person, meet, needs_chromium
from tests.support.stack import ROOT, Stack

pytestmark = needs_chromium
MOST_BYTES = 110_000
AXE = ROOT / "node_modules/axe-core/axe.min.js"
HARMFUL = ("serious", "critical")
NAME, TITLE = "\u202eדנה ada\u2066", "\u202eשבת על תכנון, part 2"
IN_ORDER = """(line) => {
    const range = document.createRange();
    const boxes = [...line.childNodes].map((node) => (range.selectNode(node), range.getBoundingClientRect()));
    const lefts = boxes.filter(({ width }) => width).map(({ left }) => left);
    return lefts.length > 1 && lefts.every((left, at) => at === 0 || left > lefts[at - 1]);
}"""
CODE = 'print("<b>hi</b>")\nprint(2 ** 10)'
MARKDOWN = (
    f"## Plan\n\n1. **bold** [link](https://app.example/)\n\n|a|\n|-|\n|1|\n\n> quote\n\n```\n{CODE}\n```"
)
HARM = """<script>window.harmed = 1</script> <a href="https://evil.example" onclick="harmed = 1">markup</a>
[click](javascript:window.harmed=1) [again](data:text/html,x) ![picture](https://evil.example/a.png)
<img src=x onerror="window.harmed = 1">"""


def test_the_page_weighs_little(ada: Person) -> None:
    loaded: list[Response] = []
    ada.page.on("response", lambda response: loaded.append(response))  # noqa: PLW0108 - Playwright marks it
    ada.visit()
    expect(ada.page.get_by_role("button", name="Sign in")).to_be_visible()
    read = [each for each in loaded if "127.0.0.1" in each.url and each.request.method == "GET"]
    weights = {each.url: len(gzip.compress(each.body())) for each in read}
    assert {"app.css", "app.bundle.js", "icon.svg"} <= {url.rpartition("/")[2] for url in weights}
    assert sum(weights.values()) <= MOST_BYTES, weights


def is_for_everyone(person: Person) -> None:
    """Neither in light nor in dark does axe-core find anything serious or critical."""
    axe = "" if person.page.evaluate("'axe' in window") else AXE.read_text()
    person.page.evaluate(f"{axe};0")  # the policy admits no script tag
    for scheme in ("dark", "light"):
        person.page.emulate_media(color_scheme=scheme)
        rules = "{runOnly: ['color-contrast']}" if scheme == "dark" else ""  # the others see no colours
        found: dict[str, Any] = person.page.evaluate(f"axe.run({rules})")
        harm = [each for each in found["violations"] if each["impact"] in HARMFUL]
        nodes = [(each["id"], node["html"][:200], node["any"]) for each in harm for node in each["nodes"]]
        assert (scheme, nodes) == (scheme, [])


def test_axe_finds_nothing_serious_on_the_page_and_in_its_dialogs(people: tuple[Person, Person]) -> None:
    ada, bo = people
    ada.visit()
    expect(ada.page.get_by_role("button", name="Sign in")).to_be_visible()
    is_for_everyone(ada)
    ada.sign_up("ada")
    expect(ada.page.get_by_text("No conversations yet.")).to_be_visible()
    is_for_everyone(ada)
    ada.create("Plan", **{bo.sign_up("bo"): "write"})
    bo.open("Plan")
    for writer, text in ((ada, MARKDOWN), (bo, MARKDOWN.replace("Plan", "Other")), (ada, "x" * 40_000)):
        writer.send(text)
    expect(ada.messages).to_have_count(2)
    expect(ada.page.locator("#unsent")).to_contain_text("Not sent.")
    for width in (1280, 390):
        ada.page.set_viewport_size({"width": width, "height": 800})
        is_for_everyone(ada)
    ada.choose_for("Plan", "Edit")
    ada.page.set_viewport_size({"width": 1280, "height": 800})
    is_for_everyone(ada)
    ada.page.keyboard.press("Escape")
    ada.develop()
    is_for_everyone(ada)
    for opener, closer in (("Members", "Close"), ("New", "Cancel")):
        ada.press(opener)
        is_for_everyone(ada)
        ada.answer(closer)
    ada.choose("Finalize…")
    is_for_everyone(ada)
    ada.answer("Finalize")
    expect(ada.locked).to_be_visible()
    is_for_everyone(ada)


def test_others_names_and_titles_keep_their_direction_to_themselves(people: tuple[Person, Person]) -> None:
    ada, bo = people

    def rename(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json={"users": [{**answer.json()["users"][0], "displayName": NAME}]})

    bo.page.route(re.compile("accounts:lookup"), rename)
    meet(ada, bo, title=TITLE)
    bo.send("שלום, says Dana")
    expect(ada.page.locator("#thread-meta")).to_contain_text(NAME)
    ada.member(bo.user_id()).get_by_label("Access").select_option("read")
    ada.member(bo.user_id()).get_by_label("Access").select_option("write")
    ada.answer("Close")
    bo.composer.press_sequentially("Hm")
    expect(ada.typing).to_contain_text("is typing")
    for line in ("#thread-meta", "#typing", ".change", "#conversations .meta"):
        assert ada.page.locator(line).last.evaluate(IN_ORDER), line
    title = ada.page.locator("#conversations .title")
    assert title.evaluate("(one) => getComputedStyle(one).direction") == "rtl"
    assert "\u202e" not in ada.page.title()


def copies(message: Locator) -> None:
    """The message's code gets into the clipboard as it was written."""
    message.page.evaluate("navigator.clipboard.writeText('other')")
    message.get_by_role("button", name="Copy").click()
    expect(message.get_by_role("button", name="Copied")).to_be_visible()
    assert message.page.evaluate("navigator.clipboard.readText()").strip() == CODE


def test_markdown_is_shown_and_harms_nobody(ada: Person) -> None:
    ada.sign_up()
    ada.create("Markdown")
    for text in (MARKDOWN, HARM):
        ada.send(text)
    expect(ada.messages).to_have_count(2)
    expect(ada.messages.first.locator("h4, strong, ol li, td, blockquote, pre code")).to_have_count(6)
    for said in ("<script>window.harmed = 1</script>", "onerror=", '<a href="https://evil.example" onclick'):
        expect(ada.messages.last).to_contain_text(said)
    addresses = ada.messages.last.locator("a[href]").evaluate_all("(all) => all.map((each) => each.href)")
    assert addresses
    assert all(address.startswith("https://evil.example") for address in addresses)
    expect(ada.messages.last.locator("script, img, [onclick]")).to_have_count(0)
    ada.messages.last.get_by_text("click", exact=True).click()
    assert ada.page.evaluate("window.harmed") is None
    copies(ada.messages.first)


def test_a_message_that_is_too_large_says_why_and_can_be_discarded(ada: Person) -> None:
    ada.sign_up()
    ada.create("Too much")
    ada.send(f"```\n{CODE}\n```\n\n{'x' * 40_000}")
    failed = ada.page.locator("#unsent li")
    expect(failed.locator(".status")).to_contain_text("content must be at most 32768 bytes")
    copies(failed)
    ada.page.reload()
    failed.get_by_role("button", name="Discard").click()
    expect(failed).to_have_count(0)
    ada.page.reload()
    ada.send("less")
    ada.sees("less")
    expect(failed).to_have_count(0)


def test_a_draft_and_the_focus_outlive_what_happens_meanwhile(
    people: tuple[Person, Person],
) -> None:
    ada, bo = people
    meet(ada, bo, title="First")
    ada.create("Second", **{bo.user_id(): "write"})
    expect(ada.page.get_by_role("heading", name="Second")).to_be_visible()
    ada.composer.fill("half a thou")
    ada.page.reload()
    expect(ada.composer).to_have_value("half a thou")
    first = ada.page.get_by_role("link", name="First")
    first.click()
    ada.is_live()
    expect(ada.composer).to_have_value("")
    rows, heard = ada.page.locator("#conversations a"), ada.page.locator("#wire .in", has_text="message ·")
    second = ada.page.get_by_role("link", name="Second")
    second.focus()
    expect(rows.first).to_contain_text("Second")
    bo.send("one")
    expect(rows.first).to_contain_text("First")
    expect(second).to_be_focused()  # though the rows have changed places
    second.hover()
    ada.page.mouse.down()
    bo.open("Second")
    bo.send("two")
    expect(heard).to_have_count(2)
    expect(rows.first).to_contain_text("First")
    ada.page.mouse.up()
    expect(ada.page.get_by_role("heading", name="Second")).to_be_visible()
    expect(rows.first).to_contain_text("Second")
    expect(ada.composer).to_be_focused()
    expect(ada.composer).to_have_value("half a thou")


def test_who_reads_above_is_left_there_and_told_of_what_is_new(people: tuple[Person, Person]) -> None:
    ada, bo = people
    meet(ada, bo)
    ada.send("line\n" * 80)
    expect(bo.messages).to_have_count(1)
    log, pill = ada.page.locator("#scroller"), ada.page.locator("#newer")
    expect(pill).to_be_hidden()
    log.evaluate("(log) => log.scrollTo(0, 40)")
    expect(pill).to_have_text("Latest ↓")
    for text in ("one", "two"):
        bo.send(text)
    expect(pill).to_have_text("2 new ↓")
    assert log.evaluate("(log) => log.scrollTop") == 40
    pill.click()
    expect(pill).to_be_hidden()
    expect(ada.messages.last).to_be_in_viewport()


def test_ada_and_basil_find_themselves_in_the_seeded_room(people: tuple[Person, Person]) -> None:
    for person, name in zip(people, ("Ada", "Basil"), strict=True):
        person.visit()
        person.press(f"Continue as {name}")
        person.page.get_by_role("link", name="Welcome").click()
        person.is_live()
        expect(person.messages).to_have_count(6)
        expect(person.messages.locator(".copy")).to_have_count(1)


def test_the_page_kills_its_instance_and_the_room_misses_nothing(stack: Stack, browser: Browser) -> None:
    ada, bo = (Person(browser, stack.url, realtime) for realtime in stack.realtime)
    ada.page.route("**/", lambda route: route.fulfill())  # where nobody offers it
    with ada.watched(), bo.watched(allowed="net::ERR_CONNECTION"):
        meet(ada, bo)
        nothing, kill = (each.page.get_by_text("Kill this instance") for each in (ada, bo))
        expect(kill).to_be_hidden()
        for person in (ada, bo):
            person.develop()
            expect(person.page.get_by_role("heading", name="Sends")).to_be_visible()
        expect(nothing).to_be_hidden()
        ada.send("before")
        bo.sees("before")
        kill.click()
        expect(kill).to_be_disabled()  # there is none to kill
        ada.send("meanwhile")
        ada.sees("before", "meanwhile")
        bo.send("without an instance")
        expect(kill).to_be_enabled()
        for person in (ada, bo):
            person.sees("before", "meanwhile", "without an instance")
    assert "realtime-2 ended with exit code -9; restarting it" in stack.lines


def test_a_tab_with_something_unsent_warns_before_it_closes(stack: Stack, browser: Browser) -> None:
    ada = Person(browser, stack.url, stack.realtime[0])
    with ada.watched(allowed="ERR_INTERNET_DISCONNECTED"):
        ada.sign_up()
        ada.create("Leaving")
        ada.page.context.set_offline(True)
        ada.send("unsent")
        expect(ada.page.locator("#unsent")).to_contain_text("unsent")
        with ada.page.expect_event("dialog") as warning:
            ada.page.close(run_before_unload=True)
        assert warning.value.type == "beforeunload"
        ada.faults.remove(warning.value.message)
        ada.page.context.set_offline(False)
        ada.sees("unsent")
        expect(ada.page.locator("#unsent li")).to_have_count(0)
        with ada.page.expect_event("close"):
            ada.page.close(run_before_unload=True)
