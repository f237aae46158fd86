"""A check, and how checks are carried out: each within its deadline, whatever the others find."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "FAIL", "skipped"]
ANSWER_S = 30.0
"""Seconds for one answer: what gives it may have to start first."""
MEND_DEFECT = "this is a defect of the doctor or an answer that it does not know: see the logs of that part"


class Fault(Exception):
    """What a check found wrong, and what an operator does about it."""

    def __init__(self, seen: str, mend: str) -> None:
        super().__init__(seen)
        self.seen = seen
        self.mend = mend


class Skip(Exception):
    """Why a check was not made."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing to look at."""

    name: str
    look: Callable[[], Awaitable[str]]
    """Returns what was seen; raises Fault or Skip."""
    silence: str
    """How to mend it when there is no answer within the deadline."""
    deadline_s: float = ANSWER_S + 5


Group = Callable[[], AbstractAsyncContextManager[Sequence[Check]]]
"""Checks that are made one after the other. What they share is open meanwhile; opening and closing
it neither raises nor waits long."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came out of a check."""

    check: str
    status: Status
    seen: str
    mend: str | None
    """What to do; only for a failure."""
    ms: int


async def examine(groups: Sequence[Group]) -> AsyncGenerator[Result, None]:
    """Every check's result in the order of the checks; the groups are examined at the same time."""
    tasks = [asyncio.create_task(_examine(group)) for group in groups]
    try:
        for task in tasks:
            for result in await task:
                yield result
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _examine(group: Group) -> list[Result]:
    async with group() as checks:
        return [await carry_out(check) for check in checks]


async def carry_out(check: Check) -> Result:
    """The check's result; raises nothing but a cancellation."""
    started = time.monotonic()
    status: Status = "FAIL"
    mend: str | None = None
    try:
        async with asyncio.timeout(check.deadline_s) as limit:
            seen = await check.look()
        status = "ok"
    except Skip as skip:
        status, seen = "skipped", str(skip)
    except Fault as fault:
        seen, mend = fault.seen, fault.mend
    except TimeoutError:
        waited = f"within {check.deadline_s:g} s" if limit.expired() else "in time"
        seen, mend = f"no answer {waited}", check.silence
    except Exception as error:  # noqa: BLE001 - one check must not end the others
        seen, mend = f"{type(error).__name__}: {error}", MEND_DEFECT
    return Result(check.name, status, seen, mend, round((time.monotonic() - started) * 1000))
