"""What an attack is made of."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.hostile.attempt import Attempt


@dataclass(frozen=True, slots=True)
class Attack:
    """An attack. Items: 1 strangers and malformed requests, 2 identity, 3 size, 4 the bus and text."""

    name: str
    item: int
    run: Callable[[Attempt], Awaitable[None]]
    most_s: float = 60.0
    """Seconds, from its beginning on, after which it is given up."""
    quiet_logs: bool = False
    """Whether nothing that it sends is worth an ERROR line."""
    stays_ready: bool = False
    """Whether the instances must be ready throughout."""
