"""What is written down of an attack, for the judge and the report."""

from dataclasses import dataclass, field
from typing import Any

Sample = dict[str, Any]
"""One observation of the pair: `at`, `kind`, and `ms` or `problem`."""


@dataclass(slots=True)
class Outcome:
    """An attacker's report of its attack."""

    sent: str = ""
    figures: dict[str, str] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    answers: dict[str, int] = field(default_factory=dict)
    """How often which status came back, with the code above 499."""


@dataclass(slots=True)
class Memory:
    """MiB of a process and its children; `back_after_s` is None if it did not come back in time."""

    before: float
    peak: float = 0.0
    after: float = 0.0
    back_after_s: float | None = None


@dataclass(slots=True)
class Beside:
    """What the pair saw meanwhile."""

    latencies: dict[str, list[float]] = field(default_factory=dict)
    """Milliseconds by kind: `ack`, `delivery`, `get`, `post`."""
    alive: list[float] = field(default_factory=list)
    """Milliseconds of the attacked instance's /healthz."""
    unready: int = 0
    """Samples of /readyz that were not 200."""
    problems: list[str] = field(default_factory=list)
    """Everything that must not happen to them: lost, repeated, refused, closed, untrue."""

    @property
    def p99_ms(self) -> float:
        """The worst p99 of the four kinds."""
        return max((p99(each) for each in self.latencies.values()), default=0.0)


@dataclass(slots=True)
class Record:
    """One attack."""

    attack: str
    item: int
    outcome: Outcome
    beside: Beside
    seconds: float = 0.0
    cpu_s: dict[str, float] = field(default_factory=dict)
    """By process, above what it uses while nothing happens."""
    memory: dict[str, Memory] = field(default_factory=dict)
    errors: dict[str, list[str]] = field(default_factory=dict)
    """Lines of severity ERROR or above, by process."""
    died: list[str] = field(default_factory=list)
    quiet_logs: bool = False
    """Whether no ERROR line may be written for what was sent."""
    stays_ready: bool = False
    """Whether the instances must be ready throughout."""


def p99(values: list[float]) -> float:
    """The nearest-rank 99th percentile."""
    ordered = sorted(values)
    return ordered[-(-len(ordered) * 99 // 100) - 1] if ordered else 0.0


def beside(samples: list[Sample], start: float, end: float, until: float) -> Beside:
    """What the pair saw of the operations that began from `start` to `end`; problems count until later."""
    seen = Beside()
    for sample in samples:
        if "problem" in sample:
            if start <= sample["at"] < until:
                seen.problems.append(sample["problem"])
        elif not start <= sample["at"] < end:
            continue
        elif sample["kind"] == "alive":
            seen.alive.append(sample["ms"])
        elif sample["kind"] == "unready":
            seen.unready += 1
        else:
            seen.latencies.setdefault(sample["kind"], []).append(sample["ms"])
    return seen
