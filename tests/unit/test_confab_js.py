"""The browser client's own tests run with the others."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_browser_client_keeps_its_promises() -> None:
    suites = sorted((ROOT / "tests/unit/js").glob("*.test.mjs"))
    assert suites
    run = subprocess.run(
        ["node", "--test", "--test-concurrency=8", *map(str, suites)],  # most of their time they wait
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
