"""One storm, from the start of the stack to the logs that are stored in the end."""

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path

import httpx

from confab.ports.store import Store
from tests.faults.storm.bus import CALM, fates
from tests.faults.storm.faults import Faults
from tests.faults.storm.load import USERS, Load
from tests.faults.storm.record import Entry, Recording, may_read
from tests.faults.storm.rest import Rest
from tests.faults.storm.schedule import FUNCTIONS, INSTANCES, Plan
from tests.support.command import Say
from tests.support.sockets import Sockets
from tests.support.system import UNSIGNED, Command, System

PAGE = 20
"""Entries in a page, few, so that clients have to page."""
MANY = 10_000
ENTRIES_PER_READ = 500
POLL_S = 0.1
PROGRESS_S = 5.0


async def storm(
    plan: Plan, folder: Path, say: Say, launchers: Mapping[str, Command] | None = None
) -> Recording:
    """Let it blow, and give what was recorded, the stored logs included.

    `launchers` names the instances and functions that another module than the container's own starts.
    """
    recording = Recording()
    weather = folder / "weather.json"
    CALM.begin(weather)
    exposed = ("tests.faults.storm.bus", str(weather))
    say("starting the store, the bus, two instances and the functions")
    async with (
        System.running(folder, {**UNSIGNED, "CONFAB_MAX_PAGE": str(PAGE)}, bus=exposed) as system,
        httpx.AsyncClient(trust_env=False) as http,
        Sockets.running() as sockets,
    ):
        for names, start in ((INSTANCES, system.instance), (FUNCTIONS, system.function)):
            for name in names:
                system.launcher = (launchers or {}).get(name, ())
                await start(name)
        await system.serves()
        urls = {name: server.url for name, server in system.servers.items()}
        rest = Rest(http, urls)
        load = Load([urls[name] for name in INSTANCES], rest, sockets, recording, plan.seed)
        progress = asyncio.create_task(_progress(recording, say))
        try:
            await load.begin()
            await load.run(Faults(plan, system, weather, load, recording, say).carry_out())
            say("calm again; waiting until every client has every entry")
            await _read(system.store, recording)
            await _catch_up(recording, plan.catch_up_s)
        finally:
            progress.cancel()
            load.close()
        recording.bus = fates(system.bus.log)
        _account(system, recording)
    return recording


def _account(system: System, recording: Recording) -> None:
    """Write down what became of the processes."""
    for name, server in system.servers.items():
        if not server.running:
            recording.complaints.append(f"{name} has ended by itself")
        recording.errors.update(f"{name}: {error}" for error in server.errors())


async def _read(store: Store, recording: Recording) -> None:
    """Write down what is stored: the conversations and their logs. Owners stay, so nobody else is asked."""
    lists = [
        await store.conversations(f"user-{number}", status=None, after=None, limit=MANY)
        for number in range(USERS)
    ]
    recording.conversations = {one["id"]: one for found in lists for one in found}
    for conversation in recording.conversations:
        log: list[Entry] = recording.logs.setdefault(conversation, [])
        while True:
            found = await store.entries(conversation, len(log) + 1, len(log) + ENTRIES_PER_READ)
            assert found is not None, "nobody deletes conversations"
            log += [entry.wire() for entry in found.entries]
            if not found.entries:
                break


async def _catch_up(recording: Recording, within: float) -> None:
    """Wait until every client whose user may has every stored entry."""
    until = time.monotonic() + within
    while any(
        view.last < len(log)
        for view in recording.views
        if (log := recording.logs.get(view.conversation))
        and may_read(recording.conversations[view.conversation], view.user)
    ):
        if time.monotonic() > until:
            return
        await asyncio.sleep(POLL_S)
    await asyncio.sleep(1)  # for what should not come any more


async def _progress(recording: Recording, say: Say) -> None:
    while True:
        await asyncio.sleep(PROGRESS_S)
        answered = sum(bool(send.answers) for send in recording.sends)
        delivered = sum(len(view.deliveries) for view in recording.views)
        say(f"{answered} of {len(recording.sends)} sends stored, {delivered} delivered")
