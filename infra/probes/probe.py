"""Probes: their definition, their execution and their report.

`make doctor` probes a running system, `make deploy` its deployment, and `make deploy-check` the
prerequisites of one.
"""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass
from typing import Literal

Status = Literal["ok", "FAIL", "skipped"]
RESPONSE_S = 30.0
"""Seconds for one response, cold start of a function or container included."""
PAUSE_S = 3.0
"""Seconds before a failed probe is repeated."""
FIX_DEFECT = "a defect of the probe, or a response that it does not know: read the log of that part"


class Failure(Exception):
    """A probe's finding, and how to fix it: by the probe's own `fix` unless another is given."""

    def __init__(self, seen: str, fix: str | None = None) -> None:
        super().__init__(seen)
        self.seen = seen
        self.fix = fix


class Skipped(Exception):
    """The probe does not apply; the message says why."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One check."""

    name: str
    run: Callable[[], Awaitable[str]]
    """Returns what it saw, or "" if the name says enough; raises Failure or Skipped."""
    fix: str
    """How to fix a failure or a missed deadline."""
    deadline_s: float = RESPONSE_S + 5
    after: tuple[str, ...] = ()
    """The probes of its group that must be ok; otherwise it is skipped."""


Group = Callable[[], AbstractAsyncContextManager[Sequence[Probe]]]
"""Probes that run in sequence, and the resources that they share. Opening and closing those neither raises
nor blocks."""


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of a probe."""

    name: str
    status: Status
    seen: str
    fix: str | None
    """Set for a failure alone."""
    ms: int

    def line(self, failed: str = "FAIL") -> str:
        """The result on one line."""
        seen = f": {self.seen}" if self.seen else ""
        end = "" if self.seen.endswith((".", "?", "!")) else "."
        fix = f"{end} Fix: {self.fix}" if self.fix is not None else ""
        return f"{failed if self.status == 'FAIL' else self.status:<8}{self.name}{seen}{fix}"


async def run(groups: Sequence[Group], patience_s: float = 0.0) -> AsyncGenerator[Result, None]:
    """Every probe's result, in the probes' order; the groups run concurrently.

    A failed probe is repeated until it is ok or `patience_s` has passed.
    """
    until = time.monotonic() + patience_s
    queues: list[asyncio.Queue[Result | None]] = [asyncio.Queue() for _ in groups]
    pairs = zip(groups, queues, strict=True)
    tasks = [asyncio.create_task(_run_group(*pair, until)) for pair in pairs]
    try:
        for task, queue in zip(tasks, queues, strict=True):
            while (result := await queue.get()) is not None:
                yield result
            await task
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def run_all(
    groups: Sequence[Group], *, patience_s: float = 0.0, failed: str = "FAIL", quiet: bool = False
) -> list[Result]:
    """Run all probes, and print a line for each unless quiet."""

    async def collected() -> list[Result]:
        results = []
        async for result in run(groups, patience_s):
            results.append(result)
            if not quiet:
                print(result.line(failed), flush=True)
        return results

    return asyncio.run(collected())


async def _run_group(group: Group, results: asyncio.Queue[Result | None], until: float) -> None:
    passed: set[str] = set()
    try:
        async with group() as probes:
            for probe in probes:
                if missing := [name for name in probe.after if name not in passed]:
                    result = Result(probe.name, "skipped", f"needs {', '.join(missing)}", None, 0)
                else:
                    result = await _run_patiently(probe, until)
                if result.status == "ok":
                    passed.add(result.name)
                results.put_nowait(result)
    finally:
        results.put_nowait(None)


async def _run_patiently(probe: Probe, until: float) -> Result:
    while True:
        result = await run_probe(probe)
        if result.status != "FAIL" or time.monotonic() + PAUSE_S >= until:
            return result
        await asyncio.sleep(PAUSE_S)


async def run_probe(probe: Probe) -> Result:
    """The probe's result; raises nothing but a cancellation."""
    started = time.monotonic()
    status: Status = "FAIL"
    fix: str | None = None
    try:
        async with asyncio.timeout(probe.deadline_s) as limit:
            seen = await probe.run()
        status = "ok"
    except Skipped as skipped:
        status, seen = "skipped", str(skipped)
    except Failure as failure:
        seen, fix = failure.seen, failure.fix or probe.fix
    except TimeoutError:
        waited = f"within {probe.deadline_s:g} s" if limit.expired() else "in time"
        seen, fix = f"no response {waited}", probe.fix
    except Exception as error:  # noqa: BLE001 - one probe must not end the others
        seen, fix = f"{type(error).__name__}: {error}", FIX_DEFECT
    return Result(probe.name, status, seen, fix, round((time.monotonic() - started) * 1000))


def passed(results: Sequence[Result]) -> bool:
    """Whether no probe failed."""
    return all(one.status != "FAIL" for one in results)


def summary(results: Sequence[Result]) -> str:
    """The number of probes by status."""
    counts = {status: sum(one.status == status for one in results) for status in ("ok", "FAIL", "skipped")}
    return ", ".join(f"{count} {status}" for status, count in counts.items())


def document(results: Sequence[Result]) -> str:
    """All results as a JSON object; `ok` is false if a probe failed."""
    return json.dumps({"ok": passed(results), "probes": [asdict(one) for one in results]}, indent=2)
