"""Starts services in the order of their dependencies, restarts them, and stops them tier by tier."""

import asyncio
import os
import signal
import sys
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from infra.local.service import Process, Service, kill_marked

Say = Callable[[str], None]
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_POLL_S = 0.1
_PROGRESS_S = 10.0
_MAX_EXITS = 4
_MAX_EXITS_S = 30.0
"""The supervisor gives up on a service that exits this often within these seconds."""
_KILLED = 130
"""The exit code after a second interrupt, as a shell reports SIGINT."""


class ServiceFailed(Exception):
    """A service did not become ready or kept exiting; the message has the end of its log."""

    def __init__(self, process: Process, what: str) -> None:
        end = "\n".join(f"    {line}" for line in process.tail())
        super().__init__(f"{process.service.name} {what}; the end of {process.log}:\n{end}")


class Interrupted(Exception):
    """SIGINT, SIGTERM or SIGHUP arrived."""


class Supervisor:
    """Runs services until a signal, or until one keeps failing."""

    def __init__(self, services: Sequence[Service], logs: Path, say: Say) -> None:
        self._services = services
        self._logs = logs
        self._say = say
        self._mark = f"{uuid.uuid4().hex}/"
        self._running: list[Process] = []
        self._killable: dict[str, Process] = {}
        self._ready = {service.name: asyncio.Event() for service in services}
        self._interrupts: asyncio.Queue[signal.Signals] = asyncio.Queue()

    async def run(self, when_ready: Callable[[], None]) -> int:
        """Run until a signal; the exit code, once every process has ended.

        0 after one signal, 1 after a service's failure, 130 after a second signal, which kills all processes.
        """
        for number in _SIGNALS:
            asyncio.get_running_loop().add_signal_handler(number, self._interrupts.put_nowait, number)
        code = 0
        try:
            await self._keep_all(when_ready)
        except* Interrupted:
            pass
        except* ServiceFailed as failed:
            code = 1
            for failure in failed.exceptions:
                self._say(str(failure))
        finally:
            self._say("stopping")
            killed = not await self._stop_all()
        return _KILLED if killed else code

    async def kill(self, address: str) -> bool:
        """Kill the service that may be killed by this address; whether it is ready. It is restarted."""
        process = self._killable.pop(address, None)
        if process is None or process.exit_code is not None:
            return False
        process.kill()
        return True

    async def _keep_all(self, when_ready: Callable[[], None]) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._interrupted())
            for service in self._services:
                tasks.create_task(self._keep(service))
            for ready in self._ready.values():
                await ready.wait()
            when_ready()

    async def _interrupted(self) -> None:
        await self._interrupts.get()
        raise Interrupted

    async def _keep(self, service: Service) -> None:
        """Start a service after its dependencies, and restart it whenever it exits.

        Returns after a startup step. Raises ServiceFailed for a service that does not become ready,
        or exits 4 times within 30 s without having been killed on request.
        """
        for name in service.after:
            await self._ready[name].wait()
        now = asyncio.get_running_loop().time
        exits: deque[float] = deque(maxlen=_MAX_EXITS)
        while True:
            process = await self._start(service)
            self._ready[service.name].set()
            if service.once:
                return
            if service.killable:
                self._killable[service.killable] = process
            what = f"ended with exit code {await process.wait()}"
            self._killable.pop(service.killable, None)
            if not process.killed:
                exits.append(now())
            if len(exits) == _MAX_EXITS and (seconds := exits[-1] - exits[0]) < _MAX_EXITS_S:
                raise ServiceFailed(process, f"{what}, {_MAX_EXITS} times in {seconds:.0f} s")
            self._say(f"{service.name} {what}; restarting it")
            await process.stop()
            self._running.remove(process)

    async def _start(self, service: Service) -> Process:
        """Start a service and wait until it is ready."""
        now = asyncio.get_running_loop().time
        begin = now()
        log = self._logs / f"{service.name}.log"
        process = await Process.start(service, log, f"{self._mark}{service.name}/")
        self._running.append(process)
        report_s = _PROGRESS_S
        while not await service.ready(process):
            if process.exit_code is not None:
                raise ServiceFailed(process, f"ended with exit code {process.exit_code}")
            if now() - begin >= service.start_s:
                raise ServiceFailed(process, f"was not ready after {service.start_s:.0f} s")
            if now() - begin >= report_s:
                last = "".join(process.tail(1))
                self._say(f"waiting for {service.name} ({report_s:.0f} s) {last}".rstrip())
                report_s += _PROGRESS_S
            await asyncio.sleep(_POLL_S)
        for name, address in service.announces.items():
            self._say(f"{name:<12} {address:<28} {now() - begin:.1f} s")
        return process

    async def _stop_all(self) -> bool:
        """Stop every service; False if a second signal killed the remaining ones."""
        stopping = asyncio.create_task(self._stop_tiers())
        again = asyncio.create_task(self._interrupts.get())
        await asyncio.wait({stopping, again}, return_when=asyncio.FIRST_COMPLETED)
        again.cancel()
        in_time = stopping.done()
        if not in_time:
            self._say("killing")
            await kill_marked(self._mark)
        await stopping
        await kill_marked(self._mark)  # a process whose start the signal interrupted
        return in_time

    async def _stop_tiers(self) -> None:
        for tier in sorted({process.service.tier for process in self._running}, reverse=True):
            await asyncio.gather(*(self._stop(each) for each in self._running if each.service.tier == tier))

    async def _stop(self, process: Process) -> None:
        if not await process.stop():
            self._say(f"{process.service.name} did not stop within {process.service.stop_s:g} s: killed")


def say(line: str) -> None:
    """Print a line. Ignore a closed pipe, which must not interrupt the shutdown."""
    try:
        print(line, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
