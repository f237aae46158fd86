"""The attacks, in the order in which they are run."""

from tests.hostile.attacks import (
    bus,
    compressed,
    connects,
    identity,
    idle,
    lookups,
    malformed,
    pages,
    polling,
    rooms,
    text,
    validation,
)
from tests.hostile.attacks.attack import Attack

MODULES = (
    connects,
    polling,
    compressed,
    idle,
    malformed,
    validation,
    identity,
    lookups,
    pages,
    rooms,
    text,
    bus,
)
ATTACKS: dict[str, Attack] = {attack.name: attack for module in MODULES for attack in module.ATTACKS}
"""Those on the bus come last: what is not acknowledged there comes again for ten minutes."""
