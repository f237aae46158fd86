"""One local stack for all end-to-end tests, and two people who use its web app."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.support.browser import Person, chromium
from tests.support.stack import Stack, running_stack

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running_stack(tmp_path_factory.mktemp("stack") / "data", CONFAB_MESSAGES_PER_10S="0") as stack:
        yield stack


@pytest.fixture(scope="module")  # while it is open, no test can run an event loop
def browser() -> Iterator[Browser]:
    """A Chromium, with the web app built; `make test` has built it already."""
    subprocess.run(["make", "build"], cwd=ROOT, check=True, capture_output=True, timeout=120)
    with chromium() as running:
        yield running


@pytest.fixture
def people(stack: Stack, browser: Browser) -> Iterator[tuple[Person, Person]]:
    """Two people, each on an instance of their own; their pages must not fail, nor call other servers."""
    ada, bo = (Person(browser, stack.url, realtime) for realtime in stack.realtime)
    yield ada, bo
    for person in (ada, bo):
        person.close()
    for person in (ada, bo):
        assert person.complaints == []
        assert person.strangers == set()
