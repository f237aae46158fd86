"""What is written is stored once and in order, whatever happens to the tabs and to the network.

By hand, and as often as one likes: `OUTBOX_RUNS=100 SEED=1 .venv/bin/pytest tests/e2e/test_outbox.py -n 0`.
"""

import os
import random
import time
from collections import defaultdict

from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.support.browser import PASSWORD, PATIENCE_MS, Person, needs_chromium
from tests.support.stack import Stack

pytestmark = needs_chromium
RUNS = int(os.environ.get("OUTBOX_RUNS", "1"))
SEED = int(os.environ.get("SEED", str(random.randrange(10**6))))
STEPS = 7


class Device:
    """One user's browser: tabs that write into one conversation, come and go, and lose the network."""

    def __init__(self, context: BrowserContext, email: str, conversation_id: str) -> None:
        self.tabs: list[Page] = []
        self.written: dict[int, list[str]] = defaultdict(list)
        self._context = context
        self._email = email
        self._conversation_id = conversation_id
        self._names: dict[Page, int] = {}

    def open(self) -> None:
        self.online()
        tab = self._context.new_page()
        tab.on("dialog", lambda dialog: dialog.accept())
        tab.goto(f"/#{self._conversation_id}")
        tab.get_by_label("Email").fill(self._email)
        tab.get_by_label("Password").fill(PASSWORD)
        tab.get_by_role("button", name="Sign in", exact=True).click()
        expect(tab.get_by_role("textbox", name="Message")).to_be_visible()
        self._names[tab] = len(self._names)
        self.tabs.append(tab)

    def write(self, tab: Page, text: str) -> None:
        self.written[self._names[tab]].append(text)
        box = tab.get_by_role("textbox", name="Message")
        box.fill(text)
        box.press("Enter")
        expect(tab.get_by_text(text, exact=True).first).to_be_visible()

    def close(self, tab: Page) -> None:
        self.tabs.remove(tab)
        tab.close()
        if not self.tabs:
            self.open()

    def reload(self, tab: Page) -> None:
        self.online()
        tab.reload()
        expect(tab.get_by_role("textbox", name="Message")).to_be_visible()

    def offline(self) -> None:
        self._context.set_offline(True)

    def online(self) -> None:
        self._context.set_offline(False)

    def log(self) -> list[str]:
        """What the log of a new tab shows once nothing is unsent, or too long has passed."""
        self.open()
        shown = self.tabs[-1].get_by_role("log").locator(".message:not(.pending) .content")
        end = time.monotonic() + 3 * PATIENCE_MS / 1_000
        while shown.count() < sum(map(len, self.written.values())) and time.monotonic() < end:
            time.sleep(0.2)
        return shown.all_inner_texts()


def storm(device: Device, dice: random.Random) -> None:
    """Write, and let something happen, again and again."""
    device.open()
    for step in range(STEPS):
        tab = dice.choice(device.tabs)
        for count in range(dice.randrange(4)):
            device.write(tab, f"{device.tabs.index(tab)} {step} {count}")
        time.sleep(dice.random() / 2)
        fault = dice.choice(["offline", "online", "close", "reload", "open"])
        if fault in {"close", "reload"}:
            getattr(device, fault)(dice.choice(device.tabs))
        elif fault != "open" or len(device.tabs) < 3:
            getattr(device, fault)()


def test_nothing_is_lost_stored_twice_or_out_of_order(stack: Stack, browser: Browser) -> None:
    ada = Person(browser, stack.url, stack.realtime[0])
    with ada.watched():
        ada.sign_up("ada")
        for seed in range(SEED, SEED + RUNS):
            context = browser.new_context(base_url=stack.url)
            context.set_default_timeout(PATIENCE_MS)
            device = Device(context, ada.email, ada.create(f"Storm {seed}"))
            storm(device, random.Random(seed))
            log = device.log()
            written = sorted(text for texts in device.written.values() for text in texts)
            assert sorted(log) == written, f"seed {seed}: lost or twice"
            for texts in device.written.values():
                assert [text for text in log if text in texts] == texts, f"seed {seed}: order"
            context.close()
