"""The web app while conversations, members and messages change."""

import json
import re

from playwright.sync_api import Locator, Route, WebSocketRoute, expect

from tests.e2e.test_page_harm import BEYOND_THE_EDGE
from tests.support.browser import Person, meet, needs_chromium

pytestmark = needs_chromium
GONE = "This message was deleted."


def focused(control: Locator) -> None:
    """The control has the keyboard."""
    expect(control).to_be_focused()


def test_a_message_is_edited_in_place_and_keeps_the_keyboard(people: tuple[Person, Person]) -> None:
    ada, bo = people
    meet(ada, bo)
    for text in ("helo", "fine"):
        ada.send(text)
    bo.sees("helo", "fine")
    first = ada.page.get_by_role("log").locator(".message").first
    for key, left in (("Escape", "helo"), ("Enter", "hello")):
        ada.choose_for(left if left == "helo" else "helo", "Edit")
        editor = first.get_by_label("Edit message")
        expect(editor).to_have_value("helo")
        editor.fill("hello")
        bo.send("meanwhile")  # what else happens takes no focus away
        expect(ada.messages.last).to_have_text("meanwhile")
        focused(editor)
        editor.press(key)
        focused(first.get_by_role("button", name="Message actions"))
        expect(first.locator(".content")).to_have_text(left)
    for person in people:
        person.sees("hello", "fine", "meanwhile", "meanwhile")
        person.page.reload()
        person.sees("hello", "fine", "meanwhile", "meanwhile")
        expect(person.page.locator(".edited", has_text="edited")).to_have_count(1)


def test_authors_delete_their_messages_and_the_owner_any(people: tuple[Person, Person]) -> None:
    ada, bo = people
    meet(ada, bo)
    ada.send("from ada")
    ada.sees("from ada")
    bo.send("from bo")
    for person in people:
        person.sees("from ada", "from bo")
    expect(bo.page.get_by_role("button", name="Message actions")).to_have_count(1)
    ada.choose_for("from bo", "Delete…")
    ada.answer("Cancel")
    bo.choose_for("from bo", "Edit")
    expect(bo.page.get_by_label("Edit message")).to_be_focused()
    ada.choose_for("from bo", "Delete…")
    ada.answer("Delete")
    for person in people:
        person.sees("from ada", GONE)
    expect(bo.page.get_by_label("Edit message")).to_have_count(0)
    focused(bo.page.get_by_role("log").locator(".message").last)
    expect(bo.page.get_by_role("button", name="Message actions")).to_have_count(0)


def test_the_menu_of_a_message_that_is_deleted_closes(people: tuple[Person, Person]) -> None:
    ada, bo = people
    meet(ada, bo)
    bo.send("soon gone")
    ada.sees("soon gone")
    message = ada.page.get_by_role("log").locator(".message")
    message.hover()
    message.get_by_role("button", name="Message actions").click()
    bo.choose_for("soon gone", "Delete…")
    bo.answer("Delete")
    expect(ada.page.locator("#message-menu")).to_be_hidden()
    focused(message)


def test_erased_messages_are_nobodys_and_read_again_after_a_miss(ada: Person) -> None:
    sockets: list[WebSocketRoute] = []

    def relay(socket: WebSocketRoute) -> None:
        socket.connect_to_server()
        sockets.append(socket)

    ada.page.route_web_socket(re.compile("/socket.io/"), relay)
    ada.sign_up()
    conversation_id = ada.create("Erased")
    ada.send("words")
    ada.sees("words")
    for erasures, shown in ((1, GONE), (7, "words")):  # the server has erased nothing: they are read again
        event = {"conversationId": conversation_id, "erasures": erasures, "seqs": [1]}
        sockets[0].send(f"42{json.dumps(['erased', event])}")
        ada.sees(shown)
    expect(ada.page.get_by_role("log").locator(".message")).to_have_count(1)


def test_a_renamed_conversation_says_so_to_everyone(people: tuple[Person, Person]) -> None:
    ada, bo = people
    meet(ada, bo)
    ada.choose("Rename")
    ada.page.get_by_role("textbox", name="Title").fill("Better")
    ada.page.keyboard.press("Enter")
    for person, who in ((ada, "You"), (bo, "Ada")):
        expect(person.page.get_by_role("heading", name="Better")).to_be_visible()
        expect(person.page.get_by_role("link", name="Better")).to_be_visible()
        ada.send("x")
        expect(person.changes).to_have_text(re.compile(f"^{who}.* renamed the conversation"))
    focused(ada.composer)


def test_members_come_change_and_go(people: tuple[Person, Person]) -> None:
    ada, bo = people
    uid, other = bo.sign_up("bo"), "x" * 128
    mine = ada.sign_up("ada")
    ada.create("Alone")
    expect(ada.member(mine)).to_contain_text("owner")
    for one in (uid, other):
        ada.members.get_by_label("User ID of a new member").fill(one)
        ada.page.keyboard.press("Enter")
        expect(ada.member(one)).to_be_visible()
    bo.open("Alone")
    access = ada.member(uid).get_by_label("Access")
    access.focus()
    access.select_option("read")
    expect(bo.locked).to_have_text("You have read-only access.")
    focused(access)
    for width in (390, 1280):
        ada.page.set_viewport_size({"width": width, "height": 800})
        assert ada.page.evaluate(BEYOND_THE_EDGE) == []
    ada.members.get_by_label("User ID of a new member").fill(mine)
    ada.page.keyboard.press("Enter")
    expect(ada.members.get_by_role("alert")).to_contain_text("is the owner")
    ada.member(uid).get_by_role("button", name="Remove").click()
    expect(bo.locked).to_have_text(re.compile("removed you from this conversation"))
    expect(bo.page.locator("#conversations a")).to_have_count(0)
    ada.members.get_by_label("User ID of a new member").fill(uid)
    ada.page.keyboard.press("Enter")
    expect(ada.member(uid)).to_be_visible()
    bo.open("Alone")  # the address has not changed
    ada.answer("Close")
    for person in people:
        person.page.reload()
        expect(person.changes).to_have_count(5)
    ada.faults.clear()  # the browser logs the 400


def test_who_leaves_hands_over_first_and_may_come_back(people: tuple[Person, Person]) -> None:
    ada, bo = people
    title = meet(ada, bo)
    uid = bo.user_id()
    ada.member(uid).get_by_label("Access").select_option("owner")
    ada.answer("Hand over")
    expect(bo.page.locator("#thread-meta")).to_contain_text("owner")
    ada.answer("Leave…")
    ada.answer("Leave")
    expect(ada.page.locator("#conversations a")).to_have_count(0)
    expect(bo.changes).to_have_text([re.compile("handed the conversation over"), re.compile("left$")])
    bo.press("Members")
    bo.members.get_by_label("User ID of a new member").fill(ada.user_id())
    bo.page.keyboard.press("Enter")
    bo.answer("Close")
    ada.open(title)
    ada.send("back")
    bo.sees("back")


def test_a_deleted_conversation_is_gone_for_everyone(people: tuple[Person, Person]) -> None:
    ada, bo = people
    meet(ada, bo)
    ada.send("secret")
    bo.sees("secret")
    ada.choose("Delete…")
    ada.answer("Cancel")
    ada.choose("Delete…")
    ada.answer("Delete")
    expect(bo.locked).to_have_text("This conversation was deleted.")
    bo.sees()
    for person in people:
        expect(person.page.locator("#conversations a")).to_have_count(0)
    expect(ada.page.locator("#nothing-open")).to_be_visible()


def test_of_two_changes_of_a_member_the_last_one_stays(people: tuple[Person, Person]) -> None:
    ada, bo = people
    meet(ada, bo)
    held: list[Route] = []
    ada.page.route("**/members/*", lambda route: route.continue_() if held else held.append(route))
    access = ada.member(bo.user_id()).get_by_label("Access")
    for choice in ("read", "write"):
        access.select_option(choice)
    ada.page.wait_for_timeout(500)
    held[0].continue_()
    expect(bo.changes).to_have_count(2)
    expect(bo.composer).to_be_visible()
