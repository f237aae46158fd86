"""A sample of the attacks, in small, on real processes."""

from pathlib import Path

import pytest

from tests.hostile.attacks import ATTACKS
from tests.hostile.judge import KINDS
from tests.hostile.options import ROOT, Options, malloc_of
from tests.hostile.report import text, verdict
from tests.hostile.siege import besiege

SAMPLE = (
    "connect-bomb",
    "polling-many-connects",
    "polling-chunked",
    "gzip-bomb",
    "malformed-instance",
    "errors-events",
    "spellings-200",
    "text",
    "bus-forged",
    "bus-poison-rate",
)
PATIENT_P99_MS = 1_000.0
"""Enough to tell a stall from a slow machine; the whole program holds them to 250."""


@pytest.mark.timeout(240)
async def test_attacks_do_no_harm_to_a_pair_beside_them(tmp_path: Path):
    options = Options(
        seed=7,
        small=True,
        malloc=malloc_of(ROOT),
        p99_ms=PATIENT_P99_MS,
        window_s=1.5,
        settle_s=0.5,
        memory_s=20,
    )
    records = await besiege(options, [ATTACKS[name] for name in SAMPLE], tmp_path, print)
    harm = [record.attack for record in records if verdict(record, options)]
    assert not harm, "\n".join(text(records, options))
    assert [record.attack for record in records] == ["quiet", *SAMPLE, "aftermath"]
    assert all(set(KINDS) <= record.beside.latencies.keys() for record in records)
