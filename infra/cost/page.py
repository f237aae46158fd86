"""The page `docs/cost.md`: its tables are made, its words are not."""

import re
from collections.abc import Mapping
from pathlib import Path

from infra.cost.bill import Basis
from infra.cost.blocks import BLOCKS
from infra.cost.pictures import pictures

ROOT = Path(__file__).resolve().parents[2]
PAGE = Path("docs/cost.md")
PICTURES = Path("docs/cost")

_BLOCK = re.compile(r"(<!-- made: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


class UnknownBlock(Exception):
    """The page asks for a table that nobody makes."""


def documents(basis: Basis) -> Mapping[Path, str]:
    """The text of the page, and of its pictures, as they should be; paths from the root."""
    drawn = {PICTURES / name: picture for name, picture in pictures(basis).items()}
    return {PAGE: filled((ROOT / PAGE).read_text("utf-8"), basis), **drawn}


def filled(page: str, basis: Basis) -> str:
    """The page with each of its blocks made anew. Raises UnknownBlock."""

    def made(block: re.Match[str]) -> str:
        begin, name, end = block.groups()
        if name not in BLOCKS:
            raise UnknownBlock(name)
        return f"{begin}\n{BLOCKS[name](basis)}\n\n{end}"

    return _BLOCK.sub(made, page)
