"""The table that a storm ends with."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from statistics import median

from tests.faults.storm.record import Recording
from tests.faults.storm.verdict import Violation

SHOWN = 20
"""Violations that the report spells out."""


def table(recording: Recording, found: Sequence[Violation]) -> Iterator[str]:
    """The lines of the report."""
    sends = recording.sends
    deliveries = [delivery for view in recording.views for delivery in view.deliveries]
    sections: dict[str, Mapping[str, object]] = {
        "what the clients did": {
            "conversations": len(recording.logs),
            "  of these finalized": len(recording.closings),
            "sends": len(sends),
            "  acknowledged": sum(bool(send.answers) for send in sends),
            "  refused": sum(send.refused is not None for send in sends),
            "edits and deletions": len(recording.revisions),
            "  acknowledged ": sum(bool(one.answers) for one in recording.revisions),
            "changes of title and members": len(recording.changes),
            "removals seen by clients": sum(len(view.dismissals) for view in recording.views),
            "entries stored": sum(len(log) for log in recording.logs.values()),
            "deliveries": len(deliveries),
            "  of these live": sum(each.live for each in deliveries),
        },
        "what became of the bus's messages": recording.bus,
        "recoveries: how many, and seconds until all worked again (p50, max)": {
            name: f"{len(times):3} {median(times):6.2f} {max(times):6.2f}" if times else "struck again"
            for name, times in recording.faults.items()
        },
        "what the processes logged as errors": recording.errors,
        "violations": Counter(violation.kind for violation in found) or {"none": ""},
    }
    for title, rows in sections.items():
        yield f"-- {title}"
        yield from (f"   {name:36} {rows[name]}" for name in rows)
    yield from (f"VIOLATION, {violation.kind}: {violation.text}" for violation in found[:SHOWN])
    if len(found) > SHOWN:
        yield f"… and {len(found) - SHOWN} more"
