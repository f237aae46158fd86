"""What proves that two stores hold the same: per table, a count and a sum over the rows."""

import hashlib
from collections import Counter
from dataclasses import dataclass, field

from infra.backup.rows import TABLES, Row

_MODULUS = 2**256


@dataclass(eq=False, slots=True)
class Digests:
    """The digests of the rows added so far, in whatever order they came."""

    counts: Counter[str] = field(default_factory=Counter)
    _sums: Counter[str] = field(default_factory=Counter)

    def add(self, row: Row, line: str) -> None:
        """Count a row in; `line` is its own."""
        self.counts[row.table] += 1
        number = int.from_bytes(hashlib.sha256(line.encode()).digest())
        self._sums[row.table] = (self._sums[row.table] + number) % _MODULUS

    def tables(self) -> dict[str, dict[str, int | str]]:
        """For each table how many rows it has, and the sum of their SHA-256 modulo 2 ** 256 in hex."""
        return {name: {"rows": self.counts[name], "digest": f"{self._sums[name]:064x}"} for name in TABLES}
