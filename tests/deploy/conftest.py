from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.deploy.target import ROOT
from tests.deploy.fakes import Cloud
from tests.deploy.machine import Site


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with Cloud().running() as cloud:
        yield cloud


@pytest.fixture
def bundle() -> Iterator[None]:
    """The page's bundle, where nobody has built it."""
    file = ROOT / "public/app.bundle.js"
    made = not file.exists()
    if made:
        file.touch()
    yield
    if made:
        file.unlink()


@pytest.fixture
def site(tmp_path: Path, bundle: None, cloud: Cloud, capfd: pytest.CaptureFixture[str]) -> Site:
    return Site(tmp_path, cloud, capfd)
