"""The load of a calculation, and the three scenarios of docs/cost.md."""

from typing import NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field

HOURS = 730.0
"""Of an average month."""
MAX_SOCKETS = 1_000
"""Concurrent requests, and so sockets, of a Cloud Run instance."""
CELL = 10
"""Realtime instances of a cell by default."""


class Scenario(BaseModel):
    """Sockets that stay connected, in rooms of one size, sending at one rate.

    The descriptions of the fields are the help of the command line.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    sockets: int = Field(10_000, ge=1, description="sockets connected at a time")
    room_size: int = Field(10, ge=1, le=1_000, description="connected sockets of a conversation")
    message_bytes: int = Field(500, ge=1, description="bytes of a message's content")
    messages_per_hour: float = Field(10.0, ge=0, description="messages an hour from each connection")
    rest_share: float = Field(0.1, ge=0, le=1, description="share of the messages sent over REST")
    session_minutes: float = Field(20.0, gt=0, le=60, description="minutes of a connection, at most 60")
    reads_per_session: float = Field(1.0, ge=0, description="REST reads in a session, beside the join's page")
    entries_per_read: int = Field(20, ge=0, description="entries in a page")
    hours: float = Field(HOURS, ge=0, le=HOURS, description="hours a month for which the load lasts")
    instances: int | None = Field(None, ge=1, description="realtime instances [the fewest that suffice]")
    cell_instances: int | None = Field(None, ge=1, description="realtime instances that share a topic [all]")
    min_instances: int = Field(0, ge=0, description="realtime instances while nobody is connected")
    instance_gib: float = Field(1.0, ge=0.5, le=4, description="memory of a realtime instance in GiB")
    base_mib: float = Field(100.0, ge=0, description="memory of a realtime instance without a socket in MiB")
    utilisation: float = Field(0.6, gt=0, le=1, description="planned share of processor and memory")
    cpu_factor: float = Field(1.0, gt=0, description="CPU seconds in the cloud for a measured one")
    rest_overlap: float = Field(1.0, ge=1, description="requests that share a function's billed time")
    cold_starts_per_hour: float = Field(1.0, ge=0, description="cold starts of functions under load")
    disk_gib: float = Field(10.0, ge=0, description="size of the store's disk in GiB")
    image_gb: float = Field(0.2, ge=0, description="size of an image in GB, without shared layers")
    store_usd: float | None = Field(None, ge=0, description="dollars a month for the store [machine, disk]")
    users: int = Field(0, ge=0, description="monthly active users, if Identity Platform is switched on")

    def but(self, **changes: float | None) -> Self:
        """Return a copy with some fields changed."""
        return self.model_copy(update=changes)

    @property
    def messages_per_second(self) -> float:
        """Messages of all connections together."""
        return self.sockets * self.messages_per_hour / 3600

    @property
    def sessions_per_second(self) -> float:
        """Connections that clients open."""
        return self.sockets / (60 * self.session_minutes)

    @property
    def connection_hours(self) -> float:
        """Of a month."""
        return self.sockets * self.hours


class Case(NamedTuple):
    """A scenario of the page, with its users in a month."""

    monthly_users: int
    scenario: Scenario


CASES = {
    "small": Case(1_000, Scenario(sockets=40, room_size=2, messages_per_hour=20, hours=240)),
    "team": Case(10_000, Scenario(sockets=6_000, cell_instances=CELL, hours=240)),
    "large": Case(
        1_000_000, Scenario(sockets=40_000, room_size=100, cell_instances=CELL, messages_per_hour=30)
    ),
}
"""From the load where Confab costs the most of all choices to the one where it costs the least."""
