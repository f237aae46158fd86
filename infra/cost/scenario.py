"""What is asked of Confab: a load that lasts, and how it is deployed for it."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field

HOURS = 730.0
"""An average month's."""
MAX_SOCKETS = 1_000
"""Requests at a time, and so sockets, that a Cloud Run instance takes at most."""

Count = Annotated[int, Field(ge=1)]
CountOrNone = Annotated[int, Field(ge=0)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Factor = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Scenario(BaseModel):
    """Sockets that stay connected, in rooms of one size, writing at one rate.

    The descriptions of the fields are the help of the command line.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    sockets: Count = 10_000
    """sockets that are connected"""
    room_size: Annotated[int, Field(ge=1, le=1_000)] = 10
    """connected sockets of a conversation"""
    message_bytes: Count = 500
    """bytes of a message's content"""
    messages_per_hour: Amount = 10.0
    """messages that are written in an hour of each connection"""
    rest_share: Annotated[float, Field(ge=0, le=1)] = 0.1
    """share of the messages that are written over REST, not over a socket"""
    session_minutes: Annotated[float, Field(gt=0, le=60)] = 20.0
    """minutes that a connection lasts; Cloud Run ends it after 60"""
    reads_per_session: Amount = 1.0
    """REST reads in a session: the list of conversations; the newest page comes with the join"""
    entries_per_read: CountOrNone = 20
    """entries that a read or a join brings"""
    hours: Annotated[float, Field(ge=0, le=HOURS)] = HOURS
    """hours a month for which the load lasts; in the others nobody is connected"""
    instances: Count | None = None
    """realtime instances; by default the fewest that carry the load"""
    cell_instances: Count | None = None
    """instances that share a topic; by default all of them, one cell"""
    min_instances: CountOrNone = 0
    """realtime instances that are kept when nobody is connected"""
    instance_gib: Annotated[float, Field(ge=0.5, le=4)] = 1.0
    """memory of a realtime instance in GiB"""
    base_mib: Annotated[float, Field(ge=0)] = 100.0
    """memory of a realtime instance without a socket in MiB"""
    utilisation: Annotated[float, Field(gt=0, le=1)] = 0.6
    """share of processor and memory that is planned for; the rest is for peaks"""
    cpu_factor: Factor = 1.0
    """CPU time in the cloud for a second of the machine that was measured"""
    rest_overlap: Annotated[float, Field(ge=1)] = 1.0
    """requests that a function's instance works on at a time while it is billed"""
    gateway_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    """share of the REST requests that come through API Gateway, not through Hosting"""
    cold_starts_per_hour: Amount = 1.0
    """function instances that are started in an hour under load"""
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
        """Messages of everybody together."""
        return self.sockets * self.messages_per_hour / 3600

    @property
    def sessions_per_second(self) -> float:
        """Connections that are opened."""
        return self.sockets / (60 * self.session_minutes)
