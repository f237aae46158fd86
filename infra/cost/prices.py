"""The list prices of `prices.toml`, and what an amount costs at them."""

import tomllib
from collections.abc import Mapping
from datetime import date
from functools import cache
from itertools import pairwise
from math import inf
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

FILE = Path(__file__).with_name("prices.toml")
ALTERNATIVE = "alternative"
"""The part of prices that are no part of Confab's bill."""
STORE = "store"
"""The part that may be somebody else's bill."""

Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Price(BaseModel):
    """What a unit costs a month, and where that is written."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    part: str
    what: str
    unit: str
    per: Annotated[int, Field(ge=1)] = 1
    tiers: Annotated[tuple[tuple[Amount, Amount], ...], Field(min_length=1)]
    """From how many units a month on, and the price of `per` units beyond."""
    free: Amount
    source: str
    certainty: Literal["page", "quoted", "check"]
    quoted_in: str | None = None
    read: date

    @model_validator(mode="after")
    def _tiers_rise(self) -> "Price":
        begins = [begin for begin, _ in self.tiers]
        if begins[0] != 0 or any(low >= high for low, high in pairwise(begins)):
            raise ValueError(f"{self.key}: the tiers must begin at 0 and rise")
        return self

    @model_validator(mode="after")
    def _quotes_are_named(self) -> "Price":
        if (self.certainty == "quoted") != (self.quoted_in is not None):
            raise ValueError(f"{self.key}: what is quoted, and nothing else, says where")
        return self

    def of(self, amount: float, *, free_tier: bool = False) -> float:
        """The dollars that `amount` units cost in a month.

        The free tier is what a month's first units do not cost; the tiers count them too.
        """
        paid_from = self.free if free_tier else 0.0
        ends = [*(begin for begin, _ in self.tiers[1:]), inf]
        return sum(
            max(0.0, min(amount, end) - max(begin, paid_from)) * usd / self.per
            for (begin, usd), end in zip(self.tiers, ends, strict=True)
        )


class PriceList(BaseModel):
    """Every price, in the order of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    region: str
    currency: Literal["USD"]
    price: tuple[Price, ...]

    @property
    def by_key(self) -> Mapping[str, Price]:
        """The prices by their names."""
        return {price.key: price for price in self.price}


@cache
def list_prices() -> PriceList:
    """The prices of the file. Raises pydantic's ValidationError if it does not hold together."""
    return PriceList.model_validate(tomllib.loads(FILE.read_text("utf-8")))
