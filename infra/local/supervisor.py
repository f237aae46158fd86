"""Starts the services in their order, watches them, and stops them in the opposite order."""

import asyncio
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from infra.local import lineage
from infra.local.process import Process
from infra.local.service import Service

Say = Callable[[str], None]
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_POLL_S = 0.1
_PROGRESS_S = 10.0
_MANY_ENDS = 4
_MANY_ENDS_S = 30.0
"""A server that ends this often within these seconds is not started again."""
_KILLED = 130
"""The exit code after a second interrupt, as a shell reports SIGINT."""


class ServiceFailed(Exception):
    """A service did not become ready or would not stay; the message holds the end of its log."""

    def __init__(self, process: Process, what: str) -> None:
        end = "\n".join(f"    {line}" for line in process.tail())
        super().__init__(f"{process.service.name} {what}; the end of {process.log}:\n{end}")


class Supervisor:
    """Runs services until it is interrupted or one of them fails for good."""

    def __init__(self, services: Sequence[Service], logs: Path, say: Say) -> None:
        self._services = services
        self._logs = logs
        self._say = say
        self._started: list[Process] = []
        self._ready = {service.name: asyncio.Event() for service in services}
        self._interrupts: asyncio.Queue[signal.Signals] = asyncio.Queue()

    async def run(self, when_ready: Callable[[], None]) -> int:
        """Run until SIGINT, SIGTERM or SIGHUP; returns an exit code when every process has ended.

        0 after a signal, 1 after a service's failure, 130 after a second signal, which kills at once.
        """
        lineage.adopt_orphans()
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._interrupts.put_nowait, number)
        up = asyncio.create_task(self._up(when_ready))
        interrupted = asyncio.create_task(self._interrupts.get())
        await asyncio.wait({up, interrupted}, return_when=asyncio.FIRST_COMPLETED)
        interrupted.cancel()
        up.cancel()
        (outcome,) = await asyncio.gather(up, return_exceptions=True)
        failures, mistakes = _split(outcome)
        for failure in failures:
            self._say(str(failure))
        self._say("stopping")
        obeyed = await self._down()
        if mistakes is not None:
            raise mistakes
        return (1 if failures else 0) if obeyed else _KILLED

    async def _up(self, when_ready: Callable[[], None]) -> None:
        async with asyncio.TaskGroup() as tasks:
            for service in self._services:
                tasks.create_task(self._keep(service))
            for ready in self._ready.values():
                await ready.wait()
            when_ready()

    async def _keep(self, service: Service) -> None:
        """Start a service when its turn comes; returns at the end of a step.

        A server that ends is started again, as its platform would in the cloud. Raises
        ServiceFailed for one that does not become ready, or that ends again and again.
        """
        for name in service.after:
            await self._ready[name].wait()
        now = asyncio.get_running_loop().time
        ends: deque[float] = deque(maxlen=_MANY_ENDS)
        while True:
            process = await self._start(service)
            self._ready[service.name].set()
            if service.once:
                return
            what = f"ended with exit code {await process.wait()}"
            ends.append(now())
            if len(ends) == _MANY_ENDS and ends[-1] - ends[0] < _MANY_ENDS_S:
                raise ServiceFailed(process, f"{what}, {_MANY_ENDS} times in {ends[-1] - ends[0]:.0f} s")
            self._say(f"{service.name} {what}; starting it again")
            await process.stop()
            self._started.remove(process)

    async def _start(self, service: Service) -> Process:
        """Start a service and wait until it is ready."""
        begin = asyncio.get_running_loop().time()
        process = await Process.start(service, self._logs / f"{service.name}.log")
        self._started.append(process)
        await self._until_ready(process)
        seconds = asyncio.get_running_loop().time() - begin
        for name, address in service.announces.items():
            self._say(f"{name:<12} {address:<28} {seconds:.1f} s")
        return process

    async def _until_ready(self, process: Process) -> None:
        service = process.service
        progress = asyncio.create_task(self._tell_progress(process))
        try:
            async with asyncio.timeout(service.start_s):
                while not await service.ready(process):
                    if process.exit_code is not None:
                        raise ServiceFailed(process, f"ended with exit code {process.exit_code}")
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            raise ServiceFailed(process, f"was not ready after {service.start_s:.0f} s") from None
        finally:
            progress.cancel()

    async def _tell_progress(self, process: Process) -> None:
        seconds = 0.0
        while True:
            await asyncio.sleep(_PROGRESS_S)
            seconds += _PROGRESS_S
            last = "".join(process.tail(1))
            self._say(f"waiting for {process.service.name} ({seconds:.0f} s) {last}".rstrip())

    async def _down(self) -> bool:
        """Stop everything, or kill it when interrupted again; whether there was time to stop."""
        stopping = asyncio.create_task(self._stop())
        again = asyncio.create_task(self._interrupts.get())
        await asyncio.wait({stopping, again}, return_when=asyncio.FIRST_COMPLETED)
        again.cancel()
        obeyed = stopping.done()
        if not obeyed:
            self._say("killing")
            lineage.kill(lineage.descendants())
        await stopping
        await lineage.sweep()
        return obeyed

    async def _stop(self) -> None:
        for wave in sorted({process.service.wave for process in self._started}, reverse=True):
            await asyncio.gather(
                *(self._stop_one(process) for process in self._started if process.service.wave == wave)
            )

    async def _stop_one(self, process: Process) -> None:
        if not await process.stop():
            self._say(f"{process.service.name} did not stop within {process.service.stop_s:g} s: killed")


def _split(outcome: object) -> tuple[Sequence[BaseException], BaseException | None]:
    """The services' failures in a finished task's outcome, and what else went wrong."""
    if not isinstance(outcome, BaseExceptionGroup):
        if isinstance(outcome, BaseException) and not isinstance(outcome, asyncio.CancelledError):
            return (), outcome
        return (), None
    failures, mistakes = outcome.split(ServiceFailed)
    return failures.exceptions if failures else (), mistakes


def say(line: str) -> None:
    """Print a line at once. When nobody reads any more, stay silent: a stop must not be cut short."""
    try:
        print(line, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
