"""What an attack is made of, and the bounds on whatever answers it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.hostile.attempt import Attempt

MOST_ERRORS = 20
MOST_ANSWER_BYTES = 16_384


@dataclass(frozen=True, slots=True)
class Attack:
    name: str
    run: Callable[[Attempt], Awaitable[None]]
    most_s: float = 60.0
    """Seconds, from its beginning on, after which it is given up."""
    quiet_logs: bool = False
    """Whether nothing that it sends is worth an ERROR line."""
    stays_ready: bool = False
    """Whether the instances must be ready throughout."""
    unnoticed: bool = False
    """Whether the pair's p99 must stay near that of quiet."""


def check_bounds(attempt: Attempt, name: str, answer: bytes) -> None:
    """Fail if a refusal is large, however much was wrong with what it refuses."""
    if len(answer) > MOST_ANSWER_BYTES:
        attempt.fail(f"{name}: an answer of more than {MOST_ANSWER_BYTES:,} B")
    if answer.count(b'"path"') > MOST_ERRORS:
        attempt.fail(f"{name}: more than {MOST_ERRORS} errors in an answer")
