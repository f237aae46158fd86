"""Tables in Markdown, for reports that a terminal shows as well."""

from collections.abc import Iterable, Iterator, Sequence


def table(header: Sequence[str], rows: Iterable[Sequence[str]], *, texts: int = 1) -> Iterator[str]:
    """The lines of a table: so many columns of text, and numbers in the others."""
    yield _line(header)
    yield "|" + "---|" * texts + "---:|" * (len(header) - texts)
    yield from map(_line, rows)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
