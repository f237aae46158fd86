"""One storm, from the start of the stack to the logs that are stored in the end."""

import asyncio
import time
from pathlib import Path

from tests.faults.storm.campaign import Campaign
from tests.faults.storm.faults import Faults
from tests.faults.storm.options import Options
from tests.faults.storm.record import Recording
from tests.faults.storm.rest import Rest
from tests.faults.storm.schedule import faults, weather
from tests.faults.storm.stack import FUNCTIONS, INSTANCES, running
from tests.support.command import Say

PROGRESS_S = 5.0


async def storm(options: Options, folder: Path, say: Say) -> Recording:
    """Let it blow, and give what was recorded, the stored logs included."""
    recording = Recording()
    say("starting the store, the bus, two instances and three functions")
    async with (
        running(folder, options.seed) as (system, bus),
        Rest.over({name: system.servers[name].url for name in FUNCTIONS}) as rest,
        Campaign.ready(
            options, [system.servers[name].url for name in INSTANCES], rest, recording
        ) as campaign,
    ):
        breaker = Faults(system, bus, campaign.load, rest, recording, seed=options.seed, say=say)
        progress = asyncio.create_task(_progress(recording, say))
        try:
            plan = faults(options.seed, options.seconds) if options.faults else []
            await campaign.run(
                asyncio.gather(breaker.blow(weather(options.seed, options.seconds)), breaker.inflict(plan))
            )
            say("calm again; waiting until every client has every entry")
            await campaign.catch_up(system.store)
            await campaign.read_logs(system.store)
        finally:
            progress.cancel()
        recording.bus = bus.did
        for name, server in system.servers.items():
            if not server.running:
                recording.complaints.append(f"{name} has ended by itself")
            recording.errors.update(f"{name}: {error}" for error in server.errors())
    return recording


async def _progress(recording: Recording, say: Say) -> None:
    started = time.monotonic()
    while True:
        await asyncio.sleep(PROGRESS_S)
        answered = sum(bool(send.answers) for send in recording.sends)
        delivered = sum(len(view.deliveries) for view in recording.views)
        seconds = time.monotonic() - started
        say(f"{seconds:4.0f} s: {answered} of {len(recording.sends)} sends stored, {delivered} delivered")
