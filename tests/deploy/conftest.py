from pathlib import Path

import pytest

from tests.deploy.machine import Machine


@pytest.fixture
def machine(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Machine:
    return Machine(tmp_path, capfd)
