"""Carries out a plan, and takes the time until all works again."""

import asyncio
import random
import time
from dataclasses import dataclass, field
from pathlib import Path

from google.api_core.exceptions import GoogleAPICallError

from tests.faults.storm.bus import CALM
from tests.faults.storm.load import Load
from tests.faults.storm.record import Recording
from tests.faults.storm.schedule import FUNCTIONS, INSTANCES, Fault, Plan
from tests.faults.subscriptions import unsubscribe
from tests.support.command import Say
from tests.support.system import System

MID_REQUEST_S = 2.0
"""Seconds for which a fault of a function waits for a request to strike in."""
RECOVERY_S = 10.0
"""Seconds within which all works again after something has come back."""
LONGEST_S = 30.0
"""The same where something else was broken in the meantime."""
STOP_S = 8.0
"""Seconds within which an instance ends when it is asked to."""
POLL_S = 0.02

WAYS = {
    "rest": {"store", "add_message"},
    "realtime-1": {"store", "realtime-1"},
    "realtime-2": {"store", "realtime-2"},
}
"""The ways in which a message is sent, and what each needs."""


@dataclass(slots=True)
class Faults:
    """Breaks the stack, and brings back what it broke."""

    plan: Plan
    system: System
    weather: Path
    """The file from which the bus knows its weather."""
    load: Load
    recording: Recording
    say: Say
    _down: set[str] = field(default_factory=set)

    async def carry_out(self) -> None:
        """Carry out the plan; returns when its time is over, and everything is back and works."""
        started = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._blow())
            for fault in self.plan.faults:
                await asyncio.sleep(started + fault.at - time.monotonic())
                tasks.create_task(self._inflict(fault))

    async def _blow(self) -> None:
        """Let the bus have its weather, and then calm."""
        for lasts, weather in self.plan.weather:
            weather.begin(self.weather)
            await asyncio.sleep(lasts)
        CALM.begin(self.weather)

    async def _inflict(self, fault: Fault) -> None:
        while fault.target in self._down:  # still coming back from the fault before
            await asyncio.sleep(POLL_S)
        self._down.add(fault.target)
        try:
            returned = await self._break_and_repair(fault)
        finally:
            self._down.discard(fault.target)
        await self._recover(fault, returned)

    async def _break_and_repair(self, fault: Fault) -> float:
        """The time at which what was broken is back, and can begin to work again."""
        if fault.target in FUNCTIONS:
            await self._in_a_request(fault.target)
        self.say(f"{fault.name} for {fault.lasts:.1f} s")
        server = self.system.servers[fault.target]
        match fault.kind:
            case "kill":
                await server.kill()
            case "stop":
                asked = time.monotonic()
                await server.terminate()
                if (seconds := time.monotonic() - asked) > STOP_S:
                    self.recording.complaints.append(f"{server.name} took {seconds:.1f} s to go away")
            case "stall":
                server.freeze()
            case "unsubscribe":
                try:
                    await unsubscribe(self.system.bus.address)
                except GoogleAPICallError as error:
                    self.say(f"the bus did not unsubscribe everybody: {error}")
        await asyncio.sleep(fault.lasts)
        if fault.kind not in ("kill", "stop"):
            server.thaw()
            return time.monotonic()
        await server.launch()
        returned = time.monotonic()
        await server.serves()
        return returned

    async def _in_a_request(self, function: str) -> None:
        """Wait until the function is at work, and then for some milliseconds, up to a limit."""
        until = time.monotonic() + MID_REQUEST_S
        while not self.load.rest.waiting[function] and time.monotonic() < until:
            await asyncio.sleep(0.002)
        await asyncio.sleep(random.uniform(0, 0.01))

    async def _recover(self, fault: Fault, returned: float) -> None:
        """Wait until all works again, and complain if that takes longer than is promised."""
        alone = True
        recoveries = self.recording.faults[fault.name]
        while not await self._works(fault.target, returned):
            alone = alone and not self._down
            if fault.target in self._down:  # struck once more
                return
            if time.monotonic() > returned + LONGEST_S:
                break
            await asyncio.sleep(POLL_S)
        seconds = time.monotonic() - returned
        recoveries.append(seconds)
        if seconds > (RECOVERY_S if alone else LONGEST_S):
            self.recording.complaints.append(f"{fault.name}: no recovery within {seconds:.1f} s")

    async def _works(self, target: str, since: float) -> bool:
        """Whether it serves, and every way that needs it has taken a send that set out since.

        A way that is broken elsewhere cannot tell. The bus works when the instances hear it.
        """
        concerned = INSTANCES if target == "bus" else (target,)
        asked = [self.system.servers[name] for name in {*concerned} - self._down]
        ready = await asyncio.gather(*(server.ready() for server in asked))
        return all(ready) and all(
            self.load.acknowledged[way] >= since
            for way, needs in WAYS.items()
            if target in needs and not needs & self._down
        )
