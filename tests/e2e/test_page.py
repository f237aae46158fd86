"""The web app in a real browser: two people, each on a realtime instance of their own."""

import json
import re
from urllib.parse import urlsplit

from playwright.sync_api import WebSocketRoute, expect

from confab.domain.errors import RateLimited, problem
from confab.realtime.protocol import refused
from tests.support.browser import Person, meet, needs_chromium
from tests.support.stack import Stack

pytestmark = needs_chromium
MARKUP = "<img src=x onerror=alert(1)> <b>bold</b> &amp;"


def test_two_people_on_two_instances_see_every_message_once_and_in_order(
    people: tuple[Person, Person], stack: Stack
) -> None:
    meet(*people)
    for person, realtime in zip(people, stack.realtime, strict=True):
        expect(person.connection).to_have_text(f"Live on {urlsplit(realtime).netloc}")  # hidden, but there
    said = []
    for turn in range(4):
        for text in (f"{turn} a", f"{turn} b"):
            people[turn % 2].send(text)
            said.append(text)
        for reader in people:
            reader.sees(*said)
    for person in people:
        expect(person.page.locator("#unsent li")).to_have_count(0)
        person.page.reload()
        person.sees(*said)


def test_finalizing_needs_a_confirmation_and_locks_both_pages(people: tuple[Person, Person]) -> None:
    ada, bo = people
    title = meet(ada, bo)
    expect(bo.page.get_by_role("button", name="More")).to_be_hidden()
    ada.choose("Finalize…")
    ada.answer("Cancel")
    expect(ada.composer).to_be_enabled()
    ada.choose("Finalize…")
    ada.answer("Finalize")
    for person in people:
        expect(person.locked).to_contain_text("is finalized")
        expect(person.page.get_by_role("log").locator(".finalized-mark")).to_have_count(1)
        expect(person.composer).to_be_hidden()
        expect(person.page.get_by_role("link", name=title)).to_contain_text("finalized")


def test_markup_is_shown_as_text_and_a_reader_cannot_write(people: tuple[Person, Person]) -> None:
    ada, bo = people
    meet(ada, bo, bo_may="read", title=MARKUP)
    ada.send(MARKUP)
    for person in people:
        person.sees(MARKUP.replace("&amp;", "&"))  # Markdown has entities
        expect(person.page.get_by_role("heading", name=MARKUP)).to_be_visible()
        expect(person.page.locator("main img")).to_have_count(0)
    expect(bo.composer).to_be_hidden()
    expect(bo.locked).to_contain_text("read-only access")


def test_a_conversation_is_listed_after_signing_out_and_in_again(ada: Person) -> None:
    uid = ada.sign_up()
    ada.create("Notes to self")
    ada.sign_out()
    expect(ada.page.get_by_role("link", name="Notes to self")).to_be_hidden()
    assert ada.submit("Sign in") == uid
    expect(ada.page.get_by_role("link", name="Notes to self")).to_be_visible()


def refuse_the_first_message(socket: WebSocketRoute) -> None:
    """Refuse it as above the rate instead of the server, and forward everything else."""
    server = socket.connect_to_server()
    refusals = [refused(problem(RateLimited("At most 20 messages in 10 s."), "r-1"))]

    def forward(packet: str | bytes) -> None:
        sent = re.match(r'42(\d+)\["message",', str(packet))
        if sent and refusals:
            socket.send(f"43{sent[1]}{json.dumps([refusals.pop()])}")
        else:
            server.send(packet)

    socket.on_message(forward)


def test_a_message_above_the_rate_is_sent_when_the_server_allows_it(ada: Person) -> None:
    ada.page.route_web_socket(re.compile("/socket.io/"), refuse_the_first_message)
    ada.sign_up()
    ada.create("In a hurry")
    ada.send("Quick")
    expect(ada.page.locator("#unsent .status")).to_have_text("Sending…")
    ada.sees("Quick")
    expect(ada.page.locator("#unsent li")).to_have_count(0)


def test_what_cannot_be_opened_leads_back_to_the_list_and_says_why(ada: Person) -> None:
    ada.sign_up()
    ada.page.set_viewport_size({"width": 390, "height": 844})
    ada.page.evaluate("location.hash = 'no-such-conversation'")
    notice = ada.page.get_by_role("alert").first
    expect(notice).to_contain_text("There is no such conversation, or you are not a member of it.")
    expect(notice.locator("details")).to_have_text(
        re.compile(r"not_found \(HTTP 404\), request [A-Za-z0-9._-]+")
    )
    expect(ada.page.get_by_role("button", name="New", exact=True)).to_be_visible()
    ada.faults.clear()  # the browser logs the 404
