"""Carries out a schedule, and takes the time until all works again."""

import asyncio
import random
import time
from collections.abc import Sequence

import grpc.aio

from tests.faults.storm.bus import CALM, BusProxy, Weather
from tests.faults.storm.load import Load
from tests.faults.storm.record import Recording
from tests.faults.storm.rest import Rest
from tests.faults.storm.schedule import Fault
from tests.faults.storm.stack import FUNCTIONS, INSTANCES
from tests.support.command import Say
from tests.support.processes import Server
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


class Faults:
    """Breaks the stack, and brings back what it broke."""

    def __init__(
        self,
        system: System,
        bus: BusProxy,
        load: Load,
        rest: Rest,
        recording: Recording,
        *,
        seed: int,
        say: Say,
    ) -> None:
        self._system = system
        self._bus = bus
        self._load = load
        self._rest = rest
        self._recording = recording
        self._random = random.Random(f"moments {seed}")
        self._say = say
        self._down: set[str] = set()

    async def inflict(self, faults: Sequence[Fault]) -> None:
        """Carry out the schedule; returns when everything is back and works."""
        started = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            for fault in faults:
                await asyncio.sleep(started + fault.at - time.monotonic())
                tasks.create_task(self._inflict(fault))

    async def blow(self, weather: Sequence[tuple[float, Weather]]) -> None:
        """Let the bus have this weather, and then calm."""
        for lasts, each in weather:
            self._bus.weather = each
            await asyncio.sleep(lasts)
        self._bus.weather = CALM

    async def _inflict(self, fault: Fault) -> None:
        while fault.target in self._down:  # still coming back from the fault before
            await asyncio.sleep(POLL_S)
        self._down.add(fault.target)
        try:
            returned = await self._break_and_mend(fault)
        finally:
            self._down.discard(fault.target)
        await self._recover(fault, returned)

    async def _break_and_mend(self, fault: Fault) -> float:
        """The time at which what was broken is back, and can begin to work again."""
        if fault.target in FUNCTIONS:
            await self._in_a_request(fault.target)
        self._recording.faults[fault.name] += 1
        self._say(f"{fault.name} for {fault.lasts:.1f} s")
        server = self._system.servers[fault.target]
        match fault.kind:
            case "stall":
                server.freeze()
                await asyncio.sleep(fault.lasts)
                server.thaw()
                return time.monotonic()
            case "unsubscribe":
                try:
                    await self._bus.unsubscribe()
                except grpc.aio.AioRpcError as error:
                    self._say(f"the bus did not unsubscribe anybody: {error.code().name}")
                return time.monotonic()
            case kind:
                await (server.kill() if kind == "kill" else self._stop(server))
                await asyncio.sleep(fault.lasts)
                await server.launch()
                returned = time.monotonic()
                await server.serves()
                return returned

    async def _stop(self, server: Server) -> None:
        """Let it go away well, and complain if that takes longer than is promised."""
        asked = time.monotonic()
        await server.terminate()
        if (seconds := time.monotonic() - asked) > STOP_S:
            self._recording.complaints.append(f"{server.name} took {seconds:.1f} s to go away")

    async def _in_a_request(self, function: str) -> None:
        """Wait until the function is at work, and then for some milliseconds, up to a limit."""
        until = time.monotonic() + MID_REQUEST_S
        while not self._rest.waiting[function] and time.monotonic() < until:
            await asyncio.sleep(0.002)
        await asyncio.sleep(self._random.uniform(0, 0.01))

    async def _recover(self, fault: Fault, returned: float) -> None:
        """Wait until all works again, and complain if that takes longer than is promised."""
        alone = True
        while not await self._works(fault.target, returned):
            alone = alone and not self._down
            if fault.target in self._down:  # struck once more
                return
            if time.monotonic() > returned + LONGEST_S:
                break
            await asyncio.sleep(POLL_S)
        seconds = time.monotonic() - returned
        self._recording.recoveries.setdefault(fault.name, []).append(seconds)
        if seconds > (RECOVERY_S if alone else LONGEST_S):
            self._recording.complaints.append(f"{fault.name}: no recovery within {seconds:.1f} s")

    async def _works(self, target: str, since: float) -> bool:
        """Whether it serves, and every way that needs it has taken a send that set out since.

        A way that is broken elsewhere cannot tell. The bus works when the instances hear it.
        """
        concerned = INSTANCES if target == "bus" else (target,)
        asked = [self._system.servers[name] for name in {*concerned} - self._down]
        ready = await asyncio.gather(*(server.ready() for server in asked))
        return all(ready) and all(
            self._load.acknowledged[way] >= since
            for way, needs in WAYS.items()
            if target in needs and not needs & self._down
        )
