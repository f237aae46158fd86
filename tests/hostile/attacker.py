"""The process of one attack: `python -m tests.hostile.attacker NAME`, at a lower priority than all others.

It reads its target from its input, reports that it is prepared, waits for a line and begins; in the
end it reports the outcome. It is a process of its own, so that its memory is nobody else's.
"""

import asyncio
import json
import os
import resource
import sys
from dataclasses import asdict

from tests.hostile.attacks import ATTACKS
from tests.hostile.attempt import Attempt, Target
from tests.hostile.record import Outcome

NICENESS = 10


def main() -> None:
    """Carry the attack out."""
    os.nice(NICENESS)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    attack = ATTACKS[sys.argv[1]]
    target = Target(**json.loads(sys.stdin.readline()))
    _say(asdict(asyncio.run(_run(attack.name, target))))


async def _run(name: str, target: Target) -> Outcome:
    attempt = Attempt(target, _begin)
    try:
        await ATTACKS[name].run(attempt)
    except Exception as error:  # noqa: BLE001 - what came back until then counts
        attempt.fail(f"the attack broke off: {type(error).__name__} {error}"[:300])
    return attempt.outcome


async def _begin() -> None:
    _say({})
    await asyncio.to_thread(sys.stdin.readline)


def _say(said: object) -> None:
    print(json.dumps(said), flush=True)  # noqa: T201 - the siege reads this


if __name__ == "__main__":
    main()
