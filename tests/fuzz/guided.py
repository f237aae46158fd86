"""Coverage-guided runs of the parsers, one process each: `python -m tests.fuzz.guided PARSER …` is one.

atheris, which is libFuzzer for Python, looks for bytes that reach code that none did before.
"""

import asyncio
import os
import re
import sys
from asyncio.subprocess import PIPE, STDOUT
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from tests.support.command import Say
from tests.support.inherited import inherited
from tests.support.processes import ROOT

INSTRUMENTED = ["confab", "firebase_admin", "json"]
LIMITS = ("-max_len=8192", "-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1")
"""Of libFuzzer: bytes, seconds and memory of one input."""
EXECUTED = re.compile(r"number_of_executed_units: (\d+)")
COVERED = re.compile(r"\bcov: (\d+)")


async def fuzz_parsers(seed: int, seconds: float, folder: Path, say: Say) -> list[str]:
    """Drive the parsers for so long altogether; what they must not have raised."""
    if find_spec("atheris") is None:
        say("parsers: atheris is not installed, or not made for this machine: tests/fuzz/requirements.txt")
        return []
    from tests.fuzz.parsers import PARSERS  # noqa: PLC0415 - in the processes, after atheris

    failures: list[str] = []
    how = (*LIMITS, f"-seed={seed}", f"-max_total_time={max(1, round(seconds / len(PARSERS)))}")
    for name, parser in PARSERS.items():
        (corpus := folder / name / "corpus").mkdir(parents=True)
        for number, sample in enumerate(parser.samples):
            (corpus / str(number)).write_bytes(sample)
        code, printed = await _guided(name, corpus, how)
        executed, covered = (find.findall(printed) or ["no"] for find in (EXECUTED, COVERED))
        say(f"{name}: {executed[-1]} inputs, {covered[-1]} branches, {len(list(corpus.iterdir()))} kept")
        failures += [f"{name} failed, see {corpus.parent}: {printed[-3_000:]}"] if code else []
    return failures


async def _guided(name: str, corpus: Path, how: tuple[str, ...]) -> tuple[int, str]:
    """How the process of a parser ended, and what it printed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.fuzz.guided", name, str(corpus)),
        *(*how, f"-artifact_prefix={corpus.parent}/"),
        cwd=ROOT,
        env=inherited(measured=False) | {"PYTHONPATH": f"{ROOT}:{ROOT / 'functions'}"},
        stdout=PIPE,
        stderr=STDOUT,
    )
    try:
        printed, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return await process.wait(), printed.decode(errors="replace")


def main() -> None:
    """Drive one parser, until libFuzzer ends the process."""
    os.environ["FIREBASE_AUTH_EMULATOR_HOST"] = "127.0.0.1:9"  # takes unsigned tokens
    atheris = import_module("atheris")
    with atheris.instrument_imports(include=INSTRUMENTED):
        parser = import_module("tests.fuzz.parsers").PARSERS[sys.argv[1]]
    atheris.Setup([sys.argv[0], *sys.argv[2:]], parser)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
