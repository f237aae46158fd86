"""One run: the system, the pair beside it, and one attack after the other."""

import asyncio
import json
import sys
import time
from asyncio import StreamReader, StreamWriter
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path

from confab.domain.limits import Limits as Rates
from infra.allocator import MALLOC
from tests.hostile.attacks import AFTERMATH, QUIET
from tests.hostile.attacks.attack import Attack
from tests.hostile.attempt import ADD, CREATE, GET, LIMITED, TTL_S, Outcome, Target
from tests.hostile.books import Books
from tests.hostile.record import ATTACKED, KINDS, Limits, Memory, Record, Sample
from tests.support.command import Say
from tests.support.firebase_keys import PROJECT
from tests.support.google import Google
from tests.support.inherited import inherited
from tests.support.processes import ROOT
from tests.support.rates import NO_RATES
from tests.support.system import System

INSTANCES, FUNCTIONS = (ATTACKED, "realtime-2"), (CREATE, ADD, GET, LIMITED)
RATES = {name: str(getattr(Rates(), name.removeprefix("CONFAB_").lower())) for name in NO_RATES}
MESSAGES_PER_10S = 1_000
"""More than the default: a pair that was held up for long sends everything at once."""
PREPARED_S = 240.0
WARM_S, WARM_POLL_S = 30.0, 0.2
ENDS_S = 20.0
LINE_BYTES = 16 * 1024 * 1024


@asynccontextmanager
async def child(target: Target, *module: str) -> AsyncIterator[tuple[StreamWriter, StreamReader]]:
    """The input and output of a process of ours that attacks the target or watches it; ended afterwards."""
    command = (sys.executable, "-m", *module, json.dumps(asdict(target)))
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, env=inherited(measured=False), stdin=PIPE, stdout=PIPE, limit=LINE_BYTES
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process.stdin, process.stdout
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def line(output: StreamReader, within_s: float) -> str:
    """The next line; empty if none comes in time."""
    try:
        return (await asyncio.wait_for(output.readline(), within_s)).decode().strip()
    except TimeoutError:
        return ""


@asynccontextmanager
async def besieged(folder: Path, seed: int, *, small: bool) -> AsyncIterator[tuple[System, Target]]:
    """Two instances and four functions, to which Google is on loopback; gone afterwards."""
    with Google().serving() as google:
        env = {
            **MALLOC,
            "GOOGLE_CLOUD_PROJECT": PROJECT,
            "GCE_METADATA_HOST": google.address,
            "GCE_METADATA_IP": google.address,
            "CLOUDSDK_CONFIG": str(folder),  # nobody's own credentials
            "CONFAB_REVOCATION_TTL_S": str(TTL_S),
            **NO_RATES,
            "CONFAB_MESSAGES_PER_10S": str(MESSAGES_PER_10S),
        }
        async with System.running(folder, env, in_memory=True) as system:
            system.launcher = ("tests.support.redirected", google.url)
            instances = [(await system.instance(name)).address for name in INSTANCES]
            functions = {name: (await system.function(name)).address for name in FUNCTIONS[:-1]}
            system.launcher = (*system.launcher, "tests.fuzz.everything")
            functions[LIMITED] = (await system.function(LIMITED, None, **RATES)).address
            await system.serves()
            yield system, Target(instances, functions, google.address, system.bus.address, small, seed)


@asynccontextmanager
async def observing(target: Target) -> AsyncIterator[list[Sample]]:
    """What the pair sees, which grows until it has ended."""
    samples: list[Sample] = []

    async def listen(output: StreamReader) -> None:
        while sample := await output.readline():
            samples.append(json.loads(sample))

    async with child(target, "tests.hostile.pair") as (stdin, stdout):
        listening = asyncio.create_task(listen(stdout))
        async with asyncio.timeout(WARM_S):
            while not set(KINDS) <= {sample.get("kind") for sample in samples}:
                await asyncio.sleep(WARM_POLL_S)
        yield samples
        assert not listening.done(), "the pair has ended by itself"
        stdin.close()
        await asyncio.wait_for(listening, ENDS_S)


async def carried_out(
    attack: Attack, system: System, target: Target, limits: Limits, before: Mapping[str, Memory]
) -> Record:
    """The record of an attack, but for what the pair saw, once the system has settled."""
    servers = {name: system.servers[name] for name in (*INSTANCES, *FUNCTIONS)}
    record = Record(attack)
    async with child(target, "tests.hostile.attacker", attack.name) as (stdin, stdout):
        said = await line(stdout, PREPARED_S)
        books, record.start = Books(servers), time.monotonic()
        if said == "prepared":
            stdin.write(b"\n")
            said = await line(stdout, attack.most_s)
    if said:
        record.outcome = Outcome(**json.loads(said))
    else:
        record.outcome.failures.append(f"the attack did not end properly within {attack.most_s:.0f} s")
    await asyncio.sleep(max(limits.settle_s, record.start + limits.window_s - time.monotonic()))
    record.end = time.monotonic()
    record.memory = await books.memory(limits.memory_s, before)
    fallen = [each.name for each in (system.store_server, system.bus) if not each.running]
    record.died, record.errors = books.died() + fallen, books.errors()
    for server in servers.values():
        await server.ensure_running()
    return record


async def besiege(
    attacks: Sequence[Attack], folder: Path, say: Say, *, seed: int, small: bool, limits: Limits
) -> list[Record]:
    """Run the attacks on one system, beside one pair, and give what was recorded."""
    records: list[Record] = []
    async with besieged(folder, seed, small=small) as (system, target), observing(target) as samples:
        for attack in (QUIET, *attacks, AFTERMATH):
            before = records[0].memory if attack is AFTERMATH else {}
            record = await carried_out(attack, system, target, limits, before)
            record.observe(samples, until=float("inf"))
            record.quiet = records[0] if records else None
            say(f"{attack.name}: {'; '.join(record.failures(limits)) or 'no harm'}")
            records.append(record)
    for record, following in zip(records, [*records[1:], None], strict=True):
        record.observe(samples, until=following.start if following else float("inf"))
    return records
