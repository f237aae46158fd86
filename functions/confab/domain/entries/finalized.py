"""The end of a log."""

from datetime import datetime
from typing import Literal, Self

from confab.domain.models import Model, Timestamp


class Finalized(Model):
    """The last entry of a log: nothing is ever numbered after it."""

    kind: Literal["finalized"] = "finalized"
    conversation_id: str
    seq: int
    finalized_at: Timestamp

    @property
    def at(self) -> datetime:
        """When it was stored, by its writer's clock, and not before the entry before it."""
        return self.finalized_at

    def without_later_state(self) -> Self:
        """The entry itself: it carries no state."""
        return self
