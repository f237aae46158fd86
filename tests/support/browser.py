"""A headless Chromium, its windows, and a person who uses the web app in one."""

import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self
from urllib.parse import urlencode, urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Locator, Request, expect, sync_playwright

COMMANDS = ("chromium", "chromium-browser", "google-chrome")
PATIENCE_MS = 15_000
LOOPBACK = ("127.0.0.1", "localhost")
PASSWORD = "correct horse"


def chromium_path() -> Path | None:
    """The Chromium that `CHROMIUM` names, or the system's, or the one that Playwright has downloaded."""
    named = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, COMMANDS)), None)
    if named is None:
        with sync_playwright() as playwright:
            named = playwright.chromium.executable_path
    return path if (path := Path(named)).exists() else None


CHROMIUM = chromium_path()
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="there is no Chromium: apt-get install chromium, or CHROMIUM=/path/to/one"
)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A Chromium without a window."""
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        try:
            yield browser
        finally:
            browser.close()


class Window:
    """A window of its own, with a page that must not fail, open a dialog, or call other servers."""

    def __init__(self, browser: Browser, url: str) -> None:
        self.faults: list[str] = []
        self._context = browser.new_context(base_url=url)
        self._context.set_default_timeout(PATIENCE_MS)
        self._context.grant_permissions(["clipboard-read", "clipboard-write"])
        self.page = self._context.new_page()
        self.page.on("console", self._logged)
        self.page.on("dialog", self._opened)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("request", self._requested)

    @contextmanager
    def watched(self, *, allowed: str = "nothing") -> Iterator[Self]:
        """The window; closed afterwards. Fails if the page has a fault that is not `allowed`."""
        yield self
        self._context.close()
        faults = [fault for fault in self.faults if allowed not in fault]
        assert faults == [], faults

    def _logged(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.faults.append(message.text)

    def _opened(self, dialog: Dialog) -> None:
        self.faults.append(dialog.message)
        dialog.dismiss()

    def _requested(self, request: Request) -> None:
        if urlsplit(request.url).hostname not in (None, *LOOPBACK):
            self.faults.append(request.url)


class Person(Window):
    """A user with a browser of their own and one realtime instance."""

    def __init__(self, browser: Browser, url: str, realtime: str) -> None:
        super().__init__(browser, url)
        self.email = ""
        self._query = urlencode({"realtime": realtime})
        self.connection = self.page.locator("#connection")
        self.composer = self.page.get_by_role("textbox", name="Message")
        self.messages = self.page.get_by_role("log").locator(".content")
        self.changes = self.page.get_by_role("log").locator(".change")
        self.members = self.page.get_by_role("dialog", name="Members", exact=True)
        self.locked = self.page.locator("#locked")
        self.typing = self.page.locator("#typing")

    def visit(self, conversation_id: str = "") -> None:
        """Load the app, at a conversation if one is named."""
        self.page.goto(f"/?{self._query}#{conversation_id}")

    def sign_up(self, name: str = "somebody") -> str:
        """Load the app and become a new user; gives the user id."""
        self.visit()
        self.email = f"{name}-{uuid.uuid4().hex[:8]}@demo.example"
        return self.submit("Sign up")

    def submit(self, button: str) -> str:
        """Enter email and password and press a button; gives the user id."""
        self.page.get_by_label("Email").fill(self.email)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.press(button)
        return self.user_id()

    def user_id(self) -> str:
        """The id of the signed-in user, as the page shows it."""
        shown = self.page.locator("#user-id")
        expect(shown).to_have_text(re.compile(r"\S+"))
        return shown.inner_text()

    def create(self, title: str, **members: str) -> str:
        """Start a conversation with members (user id → what they may); gives its id."""
        self.press("New")
        dialog = self.page.get_by_role("dialog", name="New conversation")
        dialog.get_by_label("Title").fill(title)
        for index, (user_id, access) in enumerate(members.items()):
            if index > 0:
                dialog.get_by_role("button", name="Add a member").click()
            dialog.get_by_label("Member's user id").nth(index).fill(user_id)
            dialog.get_by_label("Access").nth(index).select_option(access)
        dialog.get_by_role("button", name="Create").click()
        expect(self.page.locator("#thread-title")).to_have_text(title)  # and not that of another one
        self.is_live()
        return urlsplit(self.page.url).fragment

    def open(self, title: str) -> None:
        """Open a conversation from the list."""
        self.press("Refresh")
        self.page.get_by_role("link", name=title).click()
        self.is_live()

    def is_live(self) -> None:
        """Wait until the conversation is followed live."""
        expect(self.connection).to_have_text(re.compile("^Live"))

    def send(self, text: str) -> None:
        """Write a message and press Enter."""
        self.composer.fill(text)
        self.composer.press("Enter")

    def press(self, button: str) -> None:
        """Press a button of the page itself."""
        self.page.get_by_role("button", name=button, exact=True).click()

    def choose(self, item: str) -> None:
        """Choose from the menu of the open conversation."""
        self.press("More")
        self.press(item)

    def choose_for(self, text: str, item: str) -> None:
        """Choose from a message's menu, with the keyboard alone."""
        message = self.page.get_by_role("log").locator(".message").filter(has_text=text)
        message.get_by_role("button", name="Message actions").focus()
        self.page.keyboard.press("Enter")
        chosen = self.page.get_by_role("button", name=item, exact=True)
        while not chosen.evaluate("(item) => item === document.activeElement"):
            self.page.keyboard.press("Tab")
        self.page.keyboard.press("Enter")

    def develop(self) -> None:
        """Switch "Developer" on."""
        self.page.locator("#account-button").click()
        self.page.get_by_role("switch", name="Developer").check()
        self.page.keyboard.press("Escape")

    def sign_out(self) -> None:
        """Choose so from the menu of the account."""
        self.page.locator("#account-button").click()
        self.press("Sign out")

    def answer(self, button: str) -> None:
        """Press a button of the dialog that is open, or of the confirmation over it."""
        self.page.get_by_role("dialog").last.get_by_role("button", name=button, exact=True).click()

    def member(self, uid: str) -> Locator:
        """A row of the members dialog, which is opened."""
        if not self.members.is_visible():
            self.press("Members")
        return self.members.locator(f'li[data-uid="{uid}"]')

    def sees(self, *texts: str) -> None:
        """Wait until the log has these messages and no others."""
        expect(self.messages).to_have_text(list(texts))


def meet(ada: Person, bo: Person, *, bo_may: str = "write", bo_is: str = "bo", title: str = "") -> str:
    """A conversation of Ada's that both follow live; gives its title."""
    title = title or f"Plans {uuid.uuid4().hex[:8]}"
    ada.sign_up("ada")
    ada.create(title, **{bo.sign_up(bo_is): bo_may})
    bo.open(title)
    return title
