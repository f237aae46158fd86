"""The table that a storm ends with."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import median
from typing import Any

from tests.faults.storm.check import Violation, counts
from tests.faults.storm.options import Options
from tests.faults.storm.record import Recording

SHOWN = 20
"""Violations that the report spells out."""


def table(options: Options, recording: Recording, found: Sequence[Violation]) -> Iterator[str]:
    """The lines of the report."""
    sends = recording.sends
    deliveries = [delivery for view in recording.views for delivery in view.deliveries]
    yield from _rows(
        "what the clients did",
        {
            "seed": options.seed,
            "seconds of load": f"{options.seconds:.0f}",
            "conversations": len(recording.logs),
            "  of these finalized": len(recording.closings),
            "clients": options.clients,
            "sends": len(sends),
            "  acknowledged": sum(bool(send.answers) for send in sends),
            "  refused by the fence": sum(send.refused for send in sends),
            "  tried more than once": sum(
                send.tries > len(send.answers) for send in sends if not send.refused
            ),
            "entries stored": sum(len(log) for log in recording.logs.values()),
            "joins": recording.joins,
            "deliveries": len(deliveries),
            "  of these live": sum(each.live for each in deliveries),
            "ms from the ack to a live delivery": _lags(recording),
        },
    )
    yield from _rows("what became of the bus's messages", dict(sorted(recording.bus.items())))
    yield from _rows(
        "faults, and seconds until all worked again (p50, max)",
        {
            name: f"{times:3}   {_spread(recording.recoveries.get(name, []))}"
            for name, times in sorted(recording.faults.items())
        },
    )
    yield from _rows("what the processes logged as errors", dict(sorted(recording.errors.items())))
    yield from _rows("violations", dict(counts(found)))
    yield from (f"VIOLATION, {violation.kind}: {violation.text}" for violation in found[:SHOWN])
    if len(found) > SHOWN:
        yield f"… and {len(found) - SHOWN} more"


def _rows(title: str, rows: Mapping[Any, object]) -> Iterator[str]:
    yield f"-- {title}"
    yield from (f"   {name:36} {value}" for name, value in rows.items())


def _lags(recording: Recording) -> str:
    acknowledged = {
        (send.conversation, send.answers[0]["seq"]): send.acknowledged_at
        for send in recording.sends
        if send.answers
    }
    lags = sorted(
        1000 * (delivery.at - acknowledged[key])
        for view in recording.views
        for delivery in view.deliveries
        if delivery.live and (key := (view.conversation, delivery.seq)) in acknowledged
    )
    if not lags:
        return "none"
    return f"p50 {lags[len(lags) // 2]:.0f}, p99 {lags[len(lags) * 99 // 100]:.0f}, max {lags[-1]:.0f}"


def _spread(seconds: Iterable[float]) -> str:
    times = list(seconds)
    return f"{median(times):.2f}  {max(times):.2f}" if times else ""
