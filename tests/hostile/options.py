"""What is attacked, with what, and how strictly it is judged."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_MALLOC = re.compile(r"""(MALLOC_\w+)["']?\s*[:=]\s*["']?(\d+)""")


@dataclass(frozen=True, slots=True)
class Options:
    """A run. `small` takes the counts that suit `make test`."""

    seed: int
    root: Path = ROOT
    """The checkout whose `functions/` is served."""
    small: bool = False
    fresh: bool = False
    """Whether each attack gets processes of its own."""
    malloc: Mapping[str, str] = field(default_factory=dict)
    """glibc's variables, for the instances and the functions."""
    p99_ms: float = 250.0
    window_s: float = 10.0
    """Seconds for which the pair is watched at least, from the beginning of an attack on."""
    settle_s: float = 2.0
    """Seconds after an attack for which it is still to blame for what the pair sees."""
    memory_s: float = 60.0
    """Seconds after an attack within which the memory must be back."""


def malloc_of(root: Path) -> dict[str, str]:
    """The allocator's variables as a checkout deploys them; none if it sets none."""
    return dict(_MALLOC.findall((root / "infra/realtime.Dockerfile").read_text()))
