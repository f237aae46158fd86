"""A headless Chromium, and a person who uses the web app in it."""

import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, expect, sync_playwright

COMMANDS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_MS = 15_000
LOOPBACK = {"127.0.0.1", "localhost"}
PASSWORD = "correct horse"


def chromium_path() -> Path | None:
    """The Chromium that `CHROMIUM` names, or the system's, or the one that Playwright has downloaded."""
    named = (
        [os.environ["CHROMIUM"]] if "CHROMIUM" in os.environ else filter(None, map(shutil.which, COMMANDS))
    )
    if (path := next(map(Path, named), None)) is None:
        with sync_playwright() as playwright:
            path = Path(playwright.chromium.executable_path)
    return path if path.exists() else None


CHROMIUM = chromium_path()
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="there is no Chromium: apt-get install chromium, or CHROMIUM=/path/to/one"
)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A Chromium without a window."""
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


class Person:
    """A user with a browser of their own and one realtime instance."""

    def __init__(self, browser: Browser, url: str, realtime: str) -> None:
        self.complaints: list[str] = []
        """What the page wrote to the console as an error, and scripts that failed."""
        self.strangers: set[str] = set()
        """Hosts that the page talked to and that are not this machine."""
        self._url = url
        self._query = urlencode({"realtime": realtime})
        self._context = browser.new_context()
        self._context.set_default_timeout(PATIENCE_MS)
        self.page: Page = self._context.new_page()
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", self._asked)

    def close(self) -> None:
        """Close the browser's window and forget everything in it."""
        self._context.close()

    def visit(self, conversation_id: str = "") -> None:
        """Load the app, at a conversation if one is named."""
        self.page.goto(f"{self._url}/?{self._query}#{conversation_id}")

    def sign_up(self, email: str, password: str) -> str:
        """Become a new user; gives the user id that the page shows."""
        self._fill_credentials(email, password)
        self.page.get_by_role("button", name="Sign up", exact=True).click()
        return self.user_id()

    def sign_in(self, email: str, password: str) -> str:
        """Become a user who has signed up before."""
        self._fill_credentials(email, password)
        self.page.get_by_role("button", name="Sign in", exact=True).click()
        return self.user_id()

    def user_id(self) -> str:
        """The id of the signed-in user, as the page shows it."""
        shown = self.page.locator("#user-id")
        expect(shown).to_have_text(re.compile(r"\S+"))
        return shown.inner_text()

    def create(self, title: str, *, members: dict[str, str]) -> str:
        """Start a conversation with members (user id → what they may); gives its id."""
        self.page.get_by_role("button", name="New", exact=True).click()
        dialog = self.page.get_by_role("dialog", name="New conversation")
        dialog.get_by_label("Title").fill(title)
        for index, (user_id, access) in enumerate(members.items()):
            if index > 0:
                dialog.get_by_role("button", name="Add a member").click()
            dialog.get_by_label("Member's user id").nth(index).fill(user_id)
            dialog.get_by_label("Access").nth(index).select_option(access)
        dialog.get_by_role("button", name="Create").click()
        self.is_live()
        return urlsplit(self.page.url).fragment

    def open(self, title: str) -> None:
        """Open a conversation from the list."""
        self.page.get_by_role("button", name="Refresh").click()
        self.page.get_by_role("link", name=title).click()

    def is_live(self) -> None:
        """Wait until the conversation is followed live."""
        expect(self.connection()).to_have_text(re.compile("^Live on "))

    def connection(self) -> Locator:
        """The line that says how, and to which instance, the page is connected."""
        return self.page.locator("#connection")

    def composer(self) -> Locator:
        """Where a message is written."""
        return self.page.get_by_role("textbox", name="Message")

    def send(self, text: str) -> None:
        """Write a message and press Enter."""
        self.composer().fill(text)
        self.composer().press("Enter")

    def messages(self) -> Locator:
        """The text of each message in the log, from the oldest."""
        return self.page.get_by_role("log").locator(".content")

    def typing(self) -> Locator:
        """The line that says who else is typing."""
        return self.page.locator("#typing")

    def finalize(self) -> None:
        """Finalize the conversation, and confirm it."""
        self.page.get_by_role("button", name="Finalize…").click()
        self.page.get_by_role("dialog").get_by_role("button", name="Finalize", exact=True).click()

    def _fill_credentials(self, email: str, password: str) -> None:
        self.page.get_by_label("Email").fill(email)
        self.page.get_by_label("Password").fill(password)

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(message.text)

    def _asked(self, request: Request) -> None:
        host = urlsplit(request.url).hostname
        if host is not None and host not in LOOPBACK:
            self.strangers.add(host)


def sign_up(person: Person, name: str) -> tuple[str, str]:
    """The email and the user id of a new user."""
    email = f"{name}-{uuid.uuid4().hex[:8]}@demo.example"
    person.visit()
    return email, person.sign_up(email, PASSWORD)


def meet(ada: Person, bo: Person, *, bo_may: str = "write") -> str:
    """A conversation of Ada's that both follow live; gives its title."""
    sign_up(ada, "ada")
    _, bo_id = sign_up(bo, "bo")
    title = f"Plans {uuid.uuid4().hex[:8]}"
    ada.create(title, members={bo_id: bo_may})
    bo.open(title)
    bo.is_live()
    return title
