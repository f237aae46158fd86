"""The table that a run ends with."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from tests.hostile.judge import failures
from tests.hostile.options import Options
from tests.hostile.record import Record
from tests.support.tables import table

HEADER = ("attack", "what was sent", "figures", "pair p99", "verdict")
SOME_CPU_S = 0.1
SOME_MIB = 16.0


def verdict(record: Record, options: Options) -> list[str]:
    """What it did that it must not do."""
    return failures(record, p99_ms=options.p99_ms, memory_s=options.memory_s)


def rows(records: Sequence[Record], options: Options) -> Iterator[tuple[str, ...]]:
    """A row an attack."""
    for record in records:
        yield (
            record.attack,
            record.outcome.sent,
            "; ".join(_figures(record)),
            f"{record.beside.p99_ms:.0f} ms",
            "; ".join(verdict(record, options)) or "no harm",
        )


def text(records: Sequence[Record], options: Options) -> Iterator[str]:
    """The lines for a terminal."""
    for name, sent, figures, p99, said in rows(records, options):
        yield f"-- {name}: {sent}"
        yield f"   {figures}"
        yield f"   pair p99 {p99}; {said}"
    harmful = sum(bool(verdict(record, options)) for record in records)
    yield f"{harmful} of {len(records)} did harm"


def markdown(records: Sequence[Record], options: Options) -> str:
    """The table as Markdown."""
    return "".join(f"{line}\n" for line in table(HEADER, rows(records, options), texts=len(HEADER)))


def fields(records: Sequence[Record], options: Options) -> list[dict[str, Any]]:
    """The records as JSON, each with its verdict."""
    return [asdict(record) | {"failures": verdict(record, options)} for record in records]


def _figures(record: Record) -> Iterator[str]:
    yield f"{record.seconds:.1f} s"
    yield from (f"{name} {value}" for name, value in record.outcome.figures.items())
    for name, spent in record.cpu_s.items():
        if spent >= SOME_CPU_S:
            yield f"{name} {spent:.1f} s CPU"
    if record.beside.alive:
        yield f"/healthz at most {max(record.beside.alive):.0f} ms"
    for name, memory in record.memory.items():
        if memory.peak >= memory.before + SOME_MIB:
            yield f"{name} {memory.before:.0f} → {memory.peak:.0f} → {memory.after:.0f} MiB"
    for name, lines in record.errors.items():
        yield f"{name} {len(lines)} ERROR lines"
    if record.beside.unready:
        yield f"{record.beside.unready} samples not ready"
