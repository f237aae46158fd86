"""Pictures of the seeded room for the documentation: `python -m tests.e2e.pictures`."""

from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, ViewportSize, expect

from tests.support.browser import Person, chromium
from tests.support.stack import ROOT, Stack, running_stack

IMAGES = ROOT / "docs/images"
DESKTOP, PHONE = ViewportSize(width=1280, height=900), ViewportSize(width=390, height=844)


def take(browser: Browser, stack: Stack, name: str, *, size: ViewportSize, dark: bool = False) -> None:
    """One picture of the seeded room as Ada sees it."""
    person = Person(browser, stack.url, stack.realtime[0])
    with person.watched():
        person.page.set_viewport_size(size)
        person.page.emulate_media(color_scheme="dark" if dark else "light")
        person.visit()
        person.press("Continue as Ada")
        person.page.get_by_role("link", name="Welcome").click()
        person.is_live()
        expect(person.messages).to_have_count(6)
        person.page.wait_for_timeout(500)  # for the pictures' fonts and the last layout
        person.page.screenshot(path=IMAGES / f"{name}.png")


def main() -> None:
    """Take them all."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder, running_stack(Path(folder) / "data") as stack, chromium() as browser:
        take(browser, stack, "page-desktop", size=DESKTOP)
        take(browser, stack, "page-phone", size=PHONE)
        take(browser, stack, "page-dark", size=DESKTOP, dark=True)


if __name__ == "__main__":
    main()
