"""Tables of words and numbers, as Markdown and as plain text."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import floor, log10

CENTS = 2
"""Decimals that are always written."""
DIGITS = 3
"""Digits that count."""
WHOLE = 1_000
"""Dollars from which cents do not matter."""
NOTHING = 1e-5
"""A share that is told as none."""


def usd(amount: float) -> str:
    """Dollars and cents; below a dollar three digits that count, above a thousand no cents."""
    if amount >= WHOLE:
        return f"${amount:,.0f}"
    if amount >= 1 or amount == 0:
        return f"${amount:.{CENTS}f}"
    decimals = DIGITS - 1 - floor(log10(amount))
    whole, _, fraction = f"{amount:.{decimals}f}".partition(".")
    return f"${whole}.{fraction.rstrip('0').ljust(CENTS, '0')}"


def number(amount: float) -> str:
    """Three digits that count, or all before the point, thousands with commas."""
    if amount >= 10 ** (DIGITS - 1):
        return f"{amount:,.0f}"
    return f"{amount:.{DIGITS}g}"


def percent(share: float) -> str:
    """A share of 1 in percent."""
    return f"{number(100 * share if share >= NOTHING else 0)} %"


@dataclass(frozen=True, slots=True)
class Table:
    """A head and rows of numbers, but for some columns."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: Collection[int] = (0,)
    """Columns that hold words, which Markdown puts to the left."""

    def markdown(self) -> str:
        """The table in Markdown."""
        rule = ["---" if column in self.words else "---:" for column in range(len(self.head))]
        return "\n".join(f"| {' | '.join(row)} |" for row in (self.head, rule, *self.rows))

    def text(self) -> str:
        """The table in columns."""
        lines = [self.head, *self.rows]
        widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
        return "\n".join(
            "  ".join(
                [line[0].ljust(widths[0])]
                + [cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)]
            ).rstrip()
            for line in lines
        )
