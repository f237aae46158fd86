"""One run: the system, the pair beside it, and one attack after the other."""

import asyncio
import json
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.hostile.attacks.attack import Attack
from tests.hostile.attempt import Target
from tests.hostile.besieged import Besieged
from tests.hostile.books import Books
from tests.hostile.judge import KINDS, failures
from tests.hostile.options import Options
from tests.hostile.record import Outcome, Record, Sample, beside
from tests.support.command import Say
from tests.support.inherited import inherited
from tests.support.processes import ROOT

PREPARED: dict[str, object] = {}
"""An attacker's first line, before it begins."""
PREPARED_S = 240.0
QUIET, AFTERMATH = "quiet", "aftermath"
WARM_S, WARM_POLL_S = 30.0, 0.2
ENDS_S = 20.0
LINE_BYTES = 16 * 1024 * 1024


class Siege:
    """A system and its pair, with what is known of them so far."""

    def __init__(self, options: Options, system: Besieged, folder: Path, say: Say) -> None:
        self._options = options
        self._system = system
        self._samples = folder / "pair.jsonl"
        self._say = say
        self._quiet: dict[str, float] = {}
        self._spans: list[tuple[Record, float, float]] = []

    @classmethod
    @asynccontextmanager
    async def laid(cls, options: Options, folder: Path, say: Say) -> AsyncIterator["Siege"]:
        """The system and the pair, up and observed for a while without an attack; judged afterwards."""
        async with AsyncExitStack() as ends:
            system = await ends.enter_async_context(Besieged.running(options, folder))
            siege = cls(options, system, folder, say)
            await ends.enter_async_context(siege._pair())
            await siege._warm()
            await siege._watch_quiet()
            yield siege
            await siege._watch_aftermath()

    def records(self) -> list[Record]:
        """Every attack, with all that the pair saw; to be asked for once the pair has ended."""
        samples = self._read()
        starts = [start for _, start, _ in self._spans[1:]] + [float("inf")]
        for (record, start, end), until in zip(self._spans, starts, strict=True):
            record.beside = beside(samples, start, end, until)
        return [record for record, _, _ in self._spans]

    async def attack(self, attack: Attack) -> None:
        """Carry an attack out, and wait until the system has recovered."""
        target = self._system.target
        record = Record(attack.name, attack.item, Outcome(), beside([], 0, 0, 0))
        record.quiet_logs, record.stays_ready = attack.quiet_logs, attack.stays_ready
        async with _attacker(attack.name, target) as attacker:
            said = await attacker.said(PREPARED_S)
            books, start = Books(self._system.attacked), time.monotonic()
            if said == PREPARED:
                attacker.begin()
                said = await attacker.said(attack.most_s)
        record.seconds = time.monotonic() - start
        if said:
            record.outcome = Outcome(**said)
        else:
            record.outcome.failures.append(f"the attack did not end properly within {attack.most_s:.0f} s")
        await self._watch(record, books, start)

    async def _warm(self) -> None:
        """Wait until everything that the pair does has worked."""
        async with asyncio.timeout(WARM_S):
            while not set(KINDS) <= {sample.get("kind") for sample in self._read()}:
                await asyncio.sleep(WARM_POLL_S)
        await asyncio.sleep(1)

    async def _watch_quiet(self) -> None:
        books, start = Books(self._system.attacked), time.monotonic()
        record = Record(QUIET, 0, Outcome(sent="nothing"), beside([], 0, 0, 0), stays_ready=True)
        await self._watch(record, books, start)
        seconds = time.monotonic() - start
        self._quiet = {name: spent / seconds for name, spent in record.cpu_s.items()}

    async def _watch_aftermath(self) -> None:
        """Hold the memory to what it was before the first attack."""
        books, start = Books(self._system.attacked), time.monotonic()
        books.compare_with(self._spans[0][0].memory)
        record = Record(AFTERMATH, 0, Outcome(sent="nothing"), beside([], 0, 0, 0))
        await self._watch(record, books, start)

    async def _watch(self, record: Record, books: Books, start: float) -> None:
        """Let the system settle and its memory come back, and write down what it cost."""
        await asyncio.sleep(max(self._options.settle_s, start + self._options.window_s - time.monotonic()))
        end = time.monotonic()
        spent = books.cpu_s()
        record.cpu_s = {
            name: max(0.0, used - self._quiet.get(name, 0.0) * (end - start)) for name, used in spent.items()
        }
        record.memory = await books.memory_is_back(self._options.memory_s)
        record.died, record.errors = [*books.died(), *self._system.fallen()], books.errors()
        self._spans.append((record, start, end))
        record.beside = beside(self._read(), start, end, float("inf"))
        found = failures(record, p99_ms=self._options.p99_ms, memory_s=self._options.memory_s)
        self._say(
            f"{record.attack}: {record.seconds:.1f} s, pair p99 {record.beside.p99_ms:.0f} ms: "
            + ("; ".join(found) or "no harm")
        )
        await self._system.revive()

    def _read(self) -> list[Sample]:
        return [json.loads(line) for line in self._samples.read_text().splitlines() if line.endswith("}")]

    @asynccontextmanager
    async def _pair(self) -> AsyncIterator[None]:
        with self._samples.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.hostile.pair"), cwd=ROOT, env=_env(), stdin=PIPE, stdout=output
            )
        assert process.stdin is not None
        process.stdin.write(_line(asdict(self._system.target)))
        try:
            yield
            assert process.returncode is None, "the pair has ended by itself"
            process.stdin.close()
            await asyncio.wait_for(process.wait(), ENDS_S)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


class _Attacker:
    """The process of an attack."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    def begin(self) -> None:
        """Let it begin."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")

    async def said(self, within_s: float) -> dict[str, Any] | None:
        """Its next line; None if none comes in time."""
        assert self._process.stdout is not None
        try:
            line = await asyncio.wait_for(self._process.stdout.readline(), within_s)
        except TimeoutError:
            return None
        return json.loads(line) if line else None


@asynccontextmanager
async def _attacker(name: str, target: Target) -> AsyncIterator[_Attacker]:
    command = (sys.executable, "-m", "tests.hostile.attacker", name)
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, env=_env(), stdin=PIPE, stdout=PIPE, limit=LINE_BYTES
    )
    assert process.stdin is not None
    process.stdin.write(_line(asdict(target)))
    try:
        yield _Attacker(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def _env() -> dict[str, str]:
    return inherited(measured=False) | {"PYTHONPATH": str(ROOT / "functions")}


def _line(fields: object) -> bytes:
    return json.dumps(fields).encode() + b"\n"


async def besiege(options: Options, attacks: Sequence[Attack], folder: Path, say: Say) -> list[Record]:
    """Run the attacks, on one system or on one each, and give what was recorded."""
    records: list[Record] = []
    for number, each in enumerate([[attack] for attack in attacks] if options.fresh else [attacks]):
        place = folder / str(number)
        place.mkdir()
        async with Siege.laid(options, place, say) as siege:
            for attack in each:
                await siege.attack(attack)
        records += siege.records()
    return records
