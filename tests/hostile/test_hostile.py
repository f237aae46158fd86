"""A sample of the attacks, in small, on real processes."""

from tests.hostile.attacks import ATTACKS
from tests.hostile.record import KINDS, Limits
from tests.hostile.siege import besiege

SAMPLE = (
    "connect-bomb",
    "gzip-bomb",
    "errors-events",
    "accounts",
    "random",
    "floods",
    "bus-forged",
    "bus-poison-rate",
)
PATIENT_P99_MS = 5_000.0
"""Enough to tell a stall from a slow machine; the whole program holds them to 250."""


async def test_attacks_do_no_harm_to_a_pair_beside_them(tmp_path):
    limits = Limits(p99_ms=PATIENT_P99_MS, window_s=1.2, settle_s=0.4, memory_s=20)
    attacks = [ATTACKS[name] for name in SAMPLE]
    records = await besiege(attacks, tmp_path, print, seed=7, small=True, limits=limits)
    harm = [record.text(limits) for record in records if record.failures(limits)]
    assert not harm, "\n".join(harm)
    assert [record.attack.name for record in records] == ["quiet", *SAMPLE, "aftermath"]
    assert all(set(KINDS) <= record.latencies.keys() for record in records)
