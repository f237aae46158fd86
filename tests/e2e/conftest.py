"""One local stack for all end-to-end tests, and two people who use its web app."""

import subprocess
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.support.browser import Person, chromium
from tests.support.rates import NO_RATES
from tests.support.stack import ROOT, Stack, running_stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running_stack(tmp_path_factory.mktemp("stack") / "data", **NO_RATES) as stack:
        yield stack


@pytest.fixture(scope="module")  # while it is open, no test can run an event loop
def browser() -> Iterator[Browser]:
    """A Chromium, with the web app built; `make test` has built it already."""
    subprocess.run(["make", "build"], cwd=ROOT, check=True, capture_output=True, timeout=300)
    with chromium() as running:
        yield running


@pytest.fixture
def people(stack: Stack, browser: Browser) -> Iterator[tuple[Person, Person]]:
    """Two people, each on an instance of their own."""
    ada, bo = (Person(browser, stack.url, realtime) for realtime in stack.realtime)
    with ada.watched(), bo.watched():
        yield ada, bo


@pytest.fixture
def ada(stack: Stack, browser: Browser) -> Iterator[Person]:
    """A person on the first instance."""
    with Person(browser, stack.url, stack.realtime[0]).watched() as ada:
        yield ada
