"""One run over REST: schemathesis attacks a real function from its own OpenAPI document."""

import asyncio
import sys
from pathlib import Path

from infra.allocator import MALLOC
from tests.fuzz import rest_hooks
from tests.fuzz.everything import EVERYTHING
from tests.hostile.books import Books
from tests.support.command import Say
from tests.support.conformance import FOLDER, REST
from tests.support.inherited import inherited
from tests.support.processes import ROOT
from tests.support.system import UNSIGNED, System

CONFIG = Path(__file__).with_name("schemathesis.toml")
BACK_S = 30.0


async def fuzz_rest(seed: int, seconds: float, folder: Path, say: Say) -> list[str]:
    """Attack for so long; what must not have happened."""
    return await attack(seed, [f"--max-time={max(1, round(seconds))}"], folder, say)


async def attack(seed: int, how: list[str], folder: Path, say: Say) -> list[str]:
    """Attack with these options of `schemathesis run`, which prints what it finds and how to repeat it."""
    async with System.running(folder, {**MALLOC, **UNSIGNED}, in_memory=True) as system:
        system.launcher = ("tests.fuzz.everything",)
        server = await system.function(EVERYTHING)
        await system.serves()
        books = Books({server.name: server})
        failures = await _schemathesis(seed, [f"--url={server.url}", *how], folder)
        failures += [f"{name} died" for name in books.died()]
        memory = (await books.memory(BACK_S, {}))[server.name]
        say(f"REST: {memory.before:.0f} → {memory.peak:.0f} → {memory.after:.0f} MiB")
        failures += [] if memory.back else [f"{server.name} grew: {memory}"]
        return failures + [f"{server.name} logged {error}" for error in server.errors()]


async def _schemathesis(seed: int, how: list[str], folder: Path) -> list[str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG)),
        *("run", str(FOLDER / REST), f"--seed={seed}", *how),
        cwd=folder,  # where it leaves what it found
        env=inherited(measured=False)
        | {"PYTHONPATH": f"{ROOT}:{ROOT / 'functions'}", rest_hooks.SEED: str(seed)},
    )
    try:
        code = await process.wait()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
    return [f"schemathesis ended with {code}: see above"] if code else []
