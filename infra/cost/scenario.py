"""The load that a calculation is for, and the three scenarios of docs/cost.md."""

from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field

HOURS = 730.0
"""Of an average month."""
MAX_SOCKETS = 1_000
"""Concurrent requests, and so sockets, of a Cloud Run instance."""
CELL = 10
"""Realtime instances of a cell, unless a deployment says otherwise."""

Count = Annotated[int, Field(ge=1)]
CountOrNone = Annotated[int, Field(ge=0)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]


class Scenario(BaseModel):
    """Sockets that stay connected, in rooms of one size, sending at one rate.

    The descriptions of the fields are the help of the command line.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    sockets: Count = 10_000
    """sockets connected at a time"""
    room_size: Annotated[int, Field(ge=1, le=1_000)] = 10
    """connected sockets of a conversation"""
    message_bytes: Count = 500
    """bytes of a message's content"""
    messages_per_hour: Amount = 10.0
    """messages that each connection sends in an hour"""
    rest_share: Share = 0.1
    """share of the messages that are sent over REST instead of a socket"""
    session_minutes: Annotated[float, Field(gt=0, le=60)] = 20.0
    """minutes that a connection lasts; Cloud Run ends it after 60"""
    reads_per_session: Amount = 1.0
    """REST reads in a session: the list of conversations; the latest page comes with the join"""
    entries_per_read: CountOrNone = 20
    """entries in a page"""
    hours: Annotated[float, Field(ge=0, le=HOURS)] = HOURS
    """hours a month for which the load lasts; in the others nobody is connected"""
    instances: Count | None = None
    """realtime instances; by default the fewest that carry the load"""
    cell_instances: Count | None = None
    """realtime instances that share a topic; by default all of them, in one cell"""
    min_instances: CountOrNone = 0
    """realtime instances that are kept when nobody is connected"""
    instance_gib: Annotated[float, Field(ge=0.5, le=4)] = 1.0
    """memory of a realtime instance in GiB"""
    base_mib: Amount = 100.0
    """memory of a realtime instance without a socket in MiB"""
    utilisation: Annotated[float, Field(gt=0, le=1)] = 0.6
    """planned share of processor and memory; the rest is for peaks"""
    cpu_factor: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    """CPU time in the cloud for a second on the measured machine"""
    rest_overlap: Annotated[float, Field(ge=1)] = 1.0
    """requests that share the billed time of a function's instance"""
    cold_starts_per_hour: Amount = 1.0
    """cold starts of functions in an hour under load"""
    disk_gib: Amount = 20.0
    """size of the store's disk in GiB"""
    image_gb: Amount = 0.2
    """size of an image in GB, without the layers that it shares with another"""
    store_usd: Amount | None = None
    """what the store costs a month; by default its machine and disk"""
    users: CountOrNone = 0
    """monthly active users, if Identity Platform is switched on"""

    def but(self, **changes: float | None) -> Self:
        """The same with some fields changed."""
        return self.model_copy(update=changes)

    @property
    def messages_per_second(self) -> float:
        """Messages of all connections together."""
        return self.sockets * self.messages_per_hour / 3600

    @property
    def sessions_per_second(self) -> float:
        """Connections that are opened."""
        return self.sockets / (60 * self.session_minutes)

    @property
    def connection_hours(self) -> float:
        """Of a month."""
        return self.sockets * self.hours


@dataclass(frozen=True, slots=True)
class Case:
    """A scenario of the page, and its users in a month."""

    title: str
    monthly_users: int
    scenario: Scenario


CASES = (
    Case("small", 1_000, Scenario(sockets=40, room_size=2, messages_per_hour=20, hours=240)),
    Case("team", 10_000, Scenario(sockets=6_000, cell_instances=CELL, hours=240)),
    Case(
        "large",
        1_000_000,
        Scenario(sockets=40_000, room_size=100, cell_instances=CELL, messages_per_hour=30),
    ),
)
"""From where Confab is the dearest choice to where it is the cheapest."""
