"""The JavaScript client's own tests run with the others."""

import gzip
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CORE_BYTES = 15_000
"""The core without socket.io-client, minified and compressed."""
HOOKS_BYTES = 3_000
"""The React hooks without React and the core."""


def run(*command: str) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_client_keeps_its_promises() -> None:
    suites = sorted((ROOT / "tests/unit/js").glob("*.test.mjs"))
    assert suites
    run("node", "--test", "--test-concurrency=8", *map(str, suites))  # most of their time they wait


def test_the_types_are_those_of_the_specifications() -> None:
    run("npm", "run", "--silent", "generate", "-w", "@confab/client", "--", "--check")


@pytest.mark.parametrize(
    ("entry", "most", "external"),
    [
        ("public/client/dist/index.js", CORE_BYTES, ["socket.io-client"]),
        ("public/react/dist/index.js", HOOKS_BYTES, ["react", "@confab/client"]),
    ],
)
def test_a_package_is_small(entry: str, most: int, external: list[str]) -> None:
    esbuild = ROOT / "node_modules/.bin/esbuild"
    left_out = [f"--external:{name}" for name in external]
    bundle = run(str(esbuild), entry, "--bundle", "--format=esm", "--minify", *left_out)
    assert len(gzip.compress(bundle.encode())) <= most
