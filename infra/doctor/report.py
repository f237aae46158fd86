"""What the doctor found: a line a check for people, one object for programs."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from infra.doctor.check import Result


def line(result: Result) -> str:
    """The result on one line: how it went, of what, what was seen, and how to mend it."""
    mend = f" — to mend it: {result.mend}" if result.mend is not None else ""
    return f"{result.status:<7} {result.check}: {result.seen}{mend}"


def summary(results: Sequence[Result]) -> str:
    """How many checks went which way."""
    counts = {status: sum(one.status == status for one in results) for status in ("ok", "FAIL", "skipped")}
    return ", ".join(f"{count} {status}" for status, count in counts.items())


def document(results: Sequence[Result]) -> str:
    """All results as a JSON object; `ok` is false if a check failed."""
    return json.dumps({"ok": well(results), "checks": [asdict(one) for one in results]}, indent=2)


def well(results: Sequence[Result]) -> bool:
    """Whether no check failed."""
    return all(one.status != "FAIL" for one in results)
