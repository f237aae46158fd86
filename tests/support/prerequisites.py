"""`python -m tests.support.prerequisites`: what `make test` takes, and what it will have to skip.

Everything is a package but a browser and Google's Pub/Sub emulator. A missing browser is downloaded
by Playwright, if that begins soon; without network it never does.
"""

import os
import signal
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from threading import Timer

from tests.support.browser import chromium_path
from tests.support.pubsub import google_emulator_jar

MINUTES = 8
BEGINS_WITHIN_S = 20.0
DOWNLOAD = (sys.executable, "-m", "playwright", "install", "--no-shell", "chromium")


def main() -> None:
    """Say what the tests take, get what can be got, and name what is skipped with what cures it."""
    ArgumentParser(prog="python -m tests.support.prerequisites", description=__doc__).parse_args()
    _say(f"every test, on real parts: some {MINUTES} minutes on two cores")
    if chromium_path() is None and "CHROMIUM" not in os.environ:
        _say("there is no Chromium; trying Playwright's")
        downloaded(DOWNLOAD, BEGINS_WITHIN_S)
    for line in skipped():
        _say(line)


def skipped() -> Iterator[str]:
    """What cannot be tested here, and how to change that."""
    if chromium_path() is None:
        yield (
            "will be skipped, for want of a Chromium: the tests of the web app and of the reference page; "
            "apt-get install chromium, or CHROMIUM=/path/to/one"
        )
    if isinstance(jar := google_emulator_jar(), str):
        yield (
            f"will be skipped: the bus's contract on Google's emulator ({jar}); "
            "gcloud components install pubsub-emulator"
        )


def downloaded(command: Sequence[str], begins_within_s: float) -> bool:
    """Whether Playwright's installer succeeded; it is killed unless it reports progress in time."""
    installer = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    giving_up = Timer(begins_within_s, os.killpg, (installer.pid, signal.SIGKILL))
    giving_up.start()
    assert installer.stdout is not None
    with installer.stdout as lines:
        for line in lines:
            if "% of" in line:
                giving_up.cancel()
    giving_up.cancel()
    return installer.wait() == 0


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - the command's answer


if __name__ == "__main__":
    main()
