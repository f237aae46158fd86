"""The README's moving picture: two windows on two realtime instances while one of them is killed.

By hand: `make build && .venv/bin/python -m tests.e2e.moving_picture`. It films, in real time, what two people
see of the local stack, and saves nothing unless both see every message once and in order.
"""

import io
import tempfile
import threading
import time
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from tests.support.browser import Person, chromium, meet
from tests.support.stack import ROOT, running_stack

WIDTH, HEIGHT, GAP, BAR = 500, 760, 8, 52
SAID = ["Shall we try the new place?", "Yes! Is eight fine?", "I book a table for two.", "Make it three"]


class Film:
    def __init__(self, *people: Person) -> None:
        self._people = people
        self._frames: list[tuple[float, Image.Image]] = []
        self.caption = "Two people in a conversation, each on a realtime instance of their own"

    def roll(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while not self._frames or self._frames[-1][0] < end:
            frame = Image.new("RGB", (2 * WIDTH + GAP, HEIGHT + BAR), "#10243e")
            self._frames.append((time.monotonic(), frame))
            for index, person in enumerate(self._people):
                shot = Image.open(io.BytesIO(person.page.screenshot()))
                frame.paste(shot, (index * (WIDTH + GAP), 0))
            ImageDraw.Draw(frame).text((16, HEIGHT + 12), self.caption, "white", ImageFont.load_default(22))

    def write(self, person: Person, text: str) -> None:
        for word in text.split():
            person.composer.press_sequentially(f"{word} ")
            self.roll(0.15)
        person.composer.press("Enter")
        self.roll(0.8)

    def save(self, path: Path) -> None:
        times = [at for at, _ in self._frames]
        ends = [*times[1:], times[-1] + 2]
        lasts = [round(1000 * (end - at)) for at, end in zip(times, ends, strict=True)]
        first, *rest = (frame for _, frame in self._frames)
        first.save(path, save_all=True, append_images=rest, duration=lasts, loop=0, quality=80, method=4)


def main() -> None:
    with running_stack(Path(tempfile.mkdtemp()) / "data") as stack, chromium() as browser:
        ada, bo = (Person(browser, stack.url, realtime) for realtime in stack.realtime)
        with ada.watched(), bo.watched(allowed="net::ERR_CONNECTION"):
            meet(ada, bo, title="Dinner on Friday")
            for person in (ada, bo):
                person.page.locator("#developer").evaluate("(box) => box.click()")
                person.page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
            film = Film(ada, bo)
            film.write(ada, SAID[0])
            film.write(bo, SAID[1])
            film.caption = "The instance of the window on the right is killed; both people go on writing"
            threading.Thread(target=stack.kill_listener, args=[stack.realtime[1]]).start()
            while "Live" in bo.connection.inner_text():
                film.roll(0)
            film.write(ada, SAID[2])
            film.write(bo, SAID[3])
            bo.is_live()
            film.caption = "The window reconnects and catches up: every message once, and in order"
            film.roll(2)
            ada.sees(*SAID)
            bo.sees(*SAID)
    film.save(ROOT / "docs/images/two-instances.webp")


if __name__ == "__main__":
    main()
