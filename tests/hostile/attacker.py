"""The process of one attack: `python -m tests.hostile.attacker NAME TARGET`, on one core, at a low priority.

It reports that it is prepared, waits for a line and begins; in the end it reports the outcome. It is a
process of its own, so that its memory is nobody else's.
"""

import asyncio
import json
import os
import resource
import sys
from dataclasses import asdict

from tests.hostile.attacks import EVERYTHING
from tests.hostile.attempt import Attempt, Target
from tests.support.command import show

NICENESS = 10


async def _run(name: str, target: Target) -> None:
    attempt = Attempt(target, _begin)
    try:
        await EVERYTHING[name].run(attempt)
    except Exception as error:  # noqa: BLE001 - what came back until then counts
        attempt.fail(f"the attack broke off: {type(error).__name__} {error}"[:300])
    show(json.dumps(asdict(attempt.outcome)))


async def _begin() -> None:
    show("prepared")
    await asyncio.to_thread(sys.stdin.readline)


if __name__ == "__main__":
    os.nice(NICENESS)
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    asyncio.run(_run(sys.argv[1], Target(**json.loads(sys.argv[2]))))
