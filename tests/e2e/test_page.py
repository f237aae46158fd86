"""The web app in a real browser: two people, each on a realtime instance of their own."""

import json
import re
from urllib.parse import urlsplit

from playwright.sync_api import Dialog, WebSocketRoute, expect

from confab.domain.errors import RateLimited, problem
from confab.realtime.protocol import refused
from tests.support.browser import PASSWORD, Person, meet, needs_chromium, sign_up
from tests.support.stack import Stack

pytestmark = needs_chromium
MARKUP = "<img src=x onerror=alert(1)> <b>bold</b> &amp;"


def test_two_people_on_two_instances_see_every_message_once_and_in_order(
    people: tuple[Person, Person], stack: Stack
) -> None:
    ada, bo = people
    meet(ada, bo)
    for person, realtime in zip(people, stack.realtime, strict=True):
        expect(person.connection()).to_have_text(f"Live on {urlsplit(realtime).netloc}")
    said = []
    for turn in range(3):
        for person, name in ((ada, "ada"), (bo, "bo")):
            said += [f"{name} {turn} a", f"{name} {turn} b"]
            person.send(said[-2])
            person.send(said[-1])
            for reader in people:
                expect(reader.messages()).to_have_text(said)
    for person in people:
        expect(person.page.locator("#unsent li")).to_have_count(0)
        person.page.reload()
        expect(person.messages()).to_have_text(said)


def test_typing_is_shown_until_the_message_arrives(people: tuple[Person, Person]) -> None:
    ada, bo = people
    meet(ada, bo)
    bo.composer().press_sequentially("Hm")
    expect(ada.typing()).to_have_text(re.compile("is typing$"))
    expect(bo.typing()).to_have_text("")
    bo.composer().press("Enter")
    expect(ada.messages()).to_have_text(["Hm"])
    expect(ada.typing()).to_have_text("")


def test_finalizing_needs_a_confirmation_and_locks_both_pages(people: tuple[Person, Person]) -> None:
    ada, bo = people
    title = meet(ada, bo)
    bo.send("Last words")
    expect(ada.messages()).to_have_text(["Last words"])
    expect(bo.page.get_by_role("button", name="Finalize…")).to_be_hidden()
    ada.page.get_by_role("button", name="Finalize…").click()
    ada.page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(ada.composer()).to_be_enabled()
    ada.finalize()
    for person in people:
        expect(person.page.locator("#locked")).to_contain_text("is finalized")
        expect(person.page.get_by_role("log").locator(".finalized-mark")).to_have_count(1)
        expect(person.composer()).to_be_hidden()
        expect(person.page.get_by_role("link", name=title)).to_contain_text("finalized")


def test_markup_in_a_message_or_a_title_is_shown_as_text(people: tuple[Person, Person]) -> None:
    ada, bo = people
    alerts: list[str] = []

    def note(alert: Dialog) -> None:
        alerts.append(alert.message)
        alert.dismiss()

    for person in people:
        person.page.on("dialog", note)
    sign_up(ada, "ada")
    _, bo_id = sign_up(bo, "bo")
    conversation_id = ada.create(MARKUP, members={bo_id: "write"})
    bo.visit(conversation_id)
    bo.is_live()
    ada.send(MARKUP)
    for person in people:
        expect(person.messages()).to_have_text([MARKUP])
        expect(person.page.get_by_role("heading", name=MARKUP)).to_be_visible()
        expect(person.page.locator("main img")).to_have_count(0)
    assert alerts == []


def test_a_reader_sees_the_messages_but_cannot_write(people: tuple[Person, Person]) -> None:
    ada, bo = people
    meet(ada, bo, bo_may="read")
    ada.send("For your eyes")
    expect(bo.messages()).to_have_text(["For your eyes"])
    expect(bo.composer()).to_be_hidden()
    expect(bo.page.locator("#locked")).to_contain_text("read-only access")


def test_messages_of_the_meantime_are_shown_on_return(people: tuple[Person, Person]) -> None:
    ada, bo = people
    title = meet(ada, bo)
    bo.page.evaluate("location.hash = ''")
    expect(bo.page.locator("#nothing-open")).to_be_visible()
    said = [f"while you were away {number}" for number in range(3)]
    for text in said:
        ada.send(text)
    expect(ada.messages()).to_have_text(said)
    bo.open(title)
    expect(bo.messages()).to_have_text(said)


def test_a_conversation_is_listed_after_signing_out_and_in_again(people: tuple[Person, Person]) -> None:
    ada, _ = people
    email, uid = sign_up(ada, "ada")
    ada.create("Notes to self", members={})
    ada.page.get_by_role("button", name="Sign out").click()
    expect(ada.page.get_by_role("link", name="Notes to self")).to_be_hidden()
    assert ada.sign_in(email, PASSWORD) == uid
    expect(ada.page.get_by_role("link", name="Notes to self")).to_be_visible()


def refuse_the_first_message(socket: WebSocketRoute) -> None:
    """Refuse it as above the rate instead of the server, and forward everything else."""
    server = socket.connect_to_server()
    refusals = [refused(problem(RateLimited("Try again in 7 s.", retry_after=7), "r-1"))]

    def forward(packet: str | bytes) -> None:
        sent = re.match(r'42(\d+)\["message",', str(packet))
        if sent and refusals:
            socket.send(f"43{sent[1]}{json.dumps([refusals.pop()])}")
        else:
            server.send(packet)

    socket.on_message(forward)


def test_a_message_above_the_rate_is_refused_and_can_be_sent_again(
    people: tuple[Person, Person],
) -> None:
    ada, _ = people
    ada.page.route_web_socket(re.compile("/socket.io/"), refuse_the_first_message)
    sign_up(ada, "ada")
    ada.create("In a hurry", members={})
    ada.send("Quick")
    note = ada.page.locator("#unsent .refusal")
    expect(note).to_contain_text("Too many requests: Try again in 7 s.")
    expect(ada.messages()).to_have_count(0)
    note.get_by_role("button", name="Send again").click()
    expect(ada.messages()).to_have_text(["Quick"])
    expect(ada.page.locator("#unsent li")).to_have_count(0)


def test_a_refusal_is_shown_with_its_request_id(people: tuple[Person, Person]) -> None:
    ada, _ = people
    sign_up(ada, "ada")
    ada.page.evaluate("location.hash = 'no-such-conversation'")
    expect(ada.page.get_by_role("alert").first).to_have_text(
        re.compile(r"There is no such conversation\..*\(request [A-Za-z0-9._-]+\)")
    )
    ada.complaints.clear()  # the browser logs the 404
