"""The attacks, in the order in which they are run."""

from tests.hostile.attacks import bodies, bus, fat, floods, handshakes, identity, malformed, operations
from tests.hostile.attacks.attack import Attack
from tests.hostile.attempt import Attempt

MODULES = (handshakes, malformed, bodies, identity, fat, operations, floods, bus)
ATTACKS: dict[str, Attack] = {attack.name: attack for module in MODULES for attack in module.ATTACKS}
"""Those on the bus come last: what is not acknowledged there comes again for ten minutes."""


async def _nothing(attempt: Attempt) -> None:
    attempt.outcome.sent = "nothing"
    await attempt.begin()


QUIET = Attack("quiet", _nothing, stays_ready=True)
AFTERMATH = Attack("aftermath", _nothing)
"""No attacks: the system before the first one, and after the last one, with its memory as it was before."""
EVERYTHING = ATTACKS | {attack.name: attack for attack in (QUIET, AFTERMATH)}
