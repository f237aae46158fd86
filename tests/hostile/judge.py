"""Whether an attack did harm: pure judgement over what was written down."""

from collections import Counter
from collections.abc import Iterator

from tests.hostile.record import Memory, Record, p99

ALLOWED_ABOVE_499 = "503 unavailable"
BAD = 500
KINDS = ("ack", "delivery", "get", "post")
INSTANCE_MIB = 1024.0
FUNCTION_MIB = 512.0
"""What a container is given in production; one that holds more is killed there."""
TOLERANCE_MIB = 64.0
TOLERANCE = 0.25


def failures(record: Record, *, p99_ms: float, memory_s: float) -> list[str]:
    """Everything that must not have happened; empty if the attack did no harm."""
    return [
        *record.outcome.failures,
        *_pair(record, p99_ms),
        *_answers(record),
        *(f"{name} died" for name in record.died),
        *_memory(record, memory_s),
        *_logs(record),
    ]


def is_back(memory: Memory, mib: float) -> bool:
    """Whether so much memory is what it was before, within the tolerance."""
    return mib <= memory.before + max(TOLERANCE_MIB, TOLERANCE * memory.before)


def _pair(record: Record, p99_ms: float) -> Iterator[str]:
    seen = record.beside
    for kind in KINDS:
        values = seen.latencies.get(kind, [])
        if not values:
            yield f"the pair: no {kind} at all"
        elif p99(values) >= p99_ms:
            yield f"the pair: {kind} p99 {p99(values):.0f} ms"
    yield from (f"the pair: {problem}{_times(n)}" for problem, n in Counter(seen.problems).items())
    if record.stays_ready and seen.unready:
        yield f"not ready in {seen.unready} samples"


def _answers(record: Record) -> Iterator[str]:
    for said, times in record.outcome.answers.items():
        status = said.partition(" ")[0]
        if status.isdigit() and int(status) >= BAD and said != ALLOWED_ABOVE_499:
            yield f"{times} answers {said}"


def _memory(record: Record, memory_s: float) -> Iterator[str]:
    for name, memory in record.memory.items():
        limit = INSTANCE_MIB if name.startswith("realtime") else FUNCTION_MIB
        if memory.before <= limit < memory.peak:
            yield f"{name} held {memory.peak:.0f} MiB of {limit:.0f}"
        if memory.back_after_s is None:
            yield (f"{name} holds {memory.after:.0f} MiB after {memory_s:.0f} s, {memory.before:.0f} before")


def _logs(record: Record) -> Iterator[str]:
    if record.quiet_logs:
        for name, lines in record.errors.items():
            yield f"{name} logged {len(lines)} errors"


def _times(count: int) -> str:
    return f", {count} times" if count > 1 else ""
