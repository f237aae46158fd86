from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.machine import Machine, google


@pytest.fixture
def machine(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Iterator[Machine]:
    machine = Machine(tmp_path, capfd)
    with google(machine) as machine.google:
        yield machine
