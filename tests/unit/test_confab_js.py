"""The browser client's own tests run with the others."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NODE = shutil.which("node")


@pytest.mark.skipif(NODE is None, reason="there is no node")
@pytest.mark.skipif(not (ROOT / "node_modules").is_dir(), reason="node_modules is not installed (npm ci)")
def test_the_browser_client_keeps_its_promises() -> None:
    assert NODE is not None
    suites = sorted((ROOT / "tests/unit/js").glob("*.test.mjs"))
    assert suites
    run = subprocess.run(
        [NODE, "--test", "--test-concurrency=8", *map(str, suites)],  # most of their time they wait
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
