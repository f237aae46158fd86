"""What is written down of an attack, and whether it did harm."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.hostile.attacks.attack import Attack
from tests.hostile.attempt import Outcome

Sample = dict[str, Any]
"""One observation of the pair: `at`, and either `kind` and `ms`, or `problem`."""
KINDS = ("ack", "delivery", "get", "post")
ATTACKED = "realtime-1"
ALLOWED_ABOVE_499 = "503 unavailable"
INSTANCE_MIB, FUNCTION_MIB = 1024.0, 512.0
"""What a container is given in production; one that holds more is killed there."""
TOLERANCE_MIB, TOLERANCE = 64.0, 0.25


@dataclass(frozen=True, slots=True)
class Limits:
    """How strictly attacks are judged."""

    p99_ms: float = 250.0
    """Of what the pair does."""
    unnoticed_ms: float = 25.0
    """The same of an attack that must be `unnoticed`, or three times as much as in quiet if that is more."""
    window_s: float = 10.0
    """Seconds for which the pair is watched at least, from the beginning of an attack on."""
    settle_s: float = 2.0
    """Seconds after an attack for which it is still to blame for what the pair sees."""
    memory_s: float = 60.0
    """Seconds after an attack within which the memory must be back."""


@dataclass(slots=True)
class Memory:
    """MiB of a process and its children."""

    before: float
    peak: float = 0.0
    after: float = 0.0

    @property
    def back(self) -> bool:
        """Whether it is what it was before, within the tolerance."""
        return self.after <= self.before + max(TOLERANCE_MIB, TOLERANCE * self.before)


@dataclass(slots=True)
class Record:
    """One attack, from `start` to `end` in monotonic seconds."""

    attack: Attack
    outcome: Outcome = field(default_factory=Outcome)
    start: float = 0.0
    end: float = 0.0
    latencies: dict[str, list[float]] = field(default_factory=dict)
    """Milliseconds of what the pair did, by kind."""
    unready: int = 0
    """How often an instance was not ready."""
    problems: list[str] = field(default_factory=list)
    """What must not happen to the pair: an entry lost or repeated, a refusal, a closed socket."""
    memory: dict[str, Memory] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)
    """Lines of severity ERROR or above, by process."""
    died: list[str] = field(default_factory=list)
    quiet: "Record | None" = None
    """What the pair did before the first attack."""

    def observe(self, samples: Iterable[Sample], until: float) -> None:
        """Take what the pair began from start to end; its problems count until the next attack."""
        self.latencies, self.unready, self.problems = {}, 0, []
        for sample in samples:
            if "problem" in sample:
                if self.start <= sample["at"] < until:
                    self.problems.append(sample["problem"])
            elif self.start <= sample["at"] < self.end:
                if sample["kind"] == "unready":
                    self.unready += 1
                else:
                    self.latencies.setdefault(sample["kind"], []).append(sample["ms"])

    def failures(self, limits: Limits) -> list[str]:
        """Everything that must not have happened; empty if the attack did no harm."""
        return [
            *self.outcome.failures,
            *self._pair(limits),
            *self._answers(),
            *(f"{name} died" for name in self.died),
            *self._memory(limits.memory_s),
            *(f"{name} logged {n} errors" for name, n in self.errors.items() if self.attack.quiet_logs),
        ]

    def text(self, limits: Limits) -> str:
        """The lines of a report."""
        figures = [f"{name} {value}" for name, value in (self.outcome.figures | self.outcome.answers).items()]
        figures += [f"{name} {p99(values):.0f} ms" for name, values in self.latencies.items()]
        figures += [
            f"{name} {each.before:.0f} → {each.peak:.0f} → {each.after:.0f} MiB"
            for name, each in self.memory.items()
        ]
        verdict = "; ".join(self.failures(limits)) or "no harm"
        return f"-- {self.attack.name}: {self.outcome.sent}\n   {'; '.join(figures)}\n   {verdict}"

    def _pair(self, limits: Limits) -> Iterator[str]:
        for kind in KINDS:
            values = self.latencies.get(kind, [])
            most_ms = limits.p99_ms
            if self.attack.unnoticed and self.quiet is not None:
                most_ms = max(3 * p99(self.quiet.latencies[kind]), limits.unnoticed_ms)
            if not values:
                yield f"the pair: no {kind} at all"
            elif p99(values) >= most_ms:
                yield f"the pair: {kind} p99 {p99(values):.0f} ms"
        yield from (f"the pair: {problem}, {n} times" for problem, n in Counter(self.problems).items())
        if self.attack.stays_ready and self.unready:
            yield f"not ready in {self.unready} samples"

    def _answers(self) -> Iterator[str]:
        for said, times in self.outcome.answers.items():
            if said >= "500" and said[0].isdigit() and said != ALLOWED_ABOVE_499:
                yield f"{times} answers {said}"

    def _memory(self, memory_s: float) -> Iterator[str]:
        for name, memory in self.memory.items():
            limit = INSTANCE_MIB if name.startswith("realtime") else FUNCTION_MIB
            if memory.before <= limit < memory.peak:
                yield f"{name} held {memory.peak:.0f} MiB of {limit:.0f}"
            most_mib = self.outcome.growth_mib
            if most_mib is not None and name == ATTACKED and memory.peak - memory.before > most_mib:
                yield f"{name} grew by {memory.peak - memory.before:.0f} MiB of {most_mib:.0f}"
            if not memory.back:
                mib = f"{memory.after:.0f} MiB after {memory_s:.0f} s"
                yield f"{name} holds {mib}, {memory.before:.0f} before"


def p99(values: list[float]) -> float:
    """The nearest-rank 99th percentile; 0 of nothing."""
    ordered = sorted(values)
    return ordered[-(-len(ordered) * 99 // 100) - 1] if ordered else 0.0
