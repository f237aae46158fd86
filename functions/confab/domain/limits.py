"""The sizes, counts and rates that a deployment allows; their defaults are the public contract's."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

HIGHEST = 2**31 - 1
"""More than any process can hold; a queue's length is a machine's integer."""
Count = Annotated[int, Field(ge=1, le=HIGHEST)]
CountOrOff = Annotated[int, Field(ge=0, le=HIGHEST)]
"""0 is no limit."""


class Limits(BaseModel):
    """What a client may send, request or hold open at most, each set by `CONFAB_` and its name."""

    model_config = ConfigDict(
        frozen=True, alias_generator=lambda name: f"CONFAB_{name.upper()}", validate_by_name=True
    )

    max_content_bytes: Count = 32_768
    """UTF-8 bytes of a message's content."""
    max_title_chars: Count = 200
    max_metadata_bytes: Annotated[int, Field(ge=2)] = 4_096
    """UTF-8 bytes of metadata as compact JSON."""
    max_body_bytes: Count = 262_144
    """Bytes of a REST body or of a socket packet."""
    max_members: CountOrOff = 100
    max_page: Count = 200
    """Messages or conversations in one response."""
    max_page_bytes: Count = 262_144
    """Bytes of one response with a page in it, as JSON; a page has at least one item whatever its size."""
    max_rooms_per_socket: CountOrOff = 100
    max_sockets_per_user: CountOrOff = 20
    """Counted on one instance."""
    messages_per_10s: CountOrOff = 20
    """Of one user, on one instance."""
    agent_messages_per_10s: CountOrOff = 500
    """Instead, of an agent."""
    reads_per_10s: CountOrOff = 600
    """Reads, lists and joins of one user, on an instance; so are the following."""
    creates_per_10s: CountOrOff = 10
    """New conversations."""
    additions_per_10s: CountOrOff = 100
    """Members added, at creation or later."""
    renewals_per_10s: CountOrOff = 40
    """`auth` events and admitted handshakes."""
    requests_per_user: CountOrOff = 20
    """REST requests of one user that are under way at once, on an instance."""
    typing_per_5s: CountOrOff = 5
    """Of one user in one room, on one instance; in all rooms, as often for each socket that they may have."""
    agent_roles_only: bool = False
    """Whether messages of the roles `assistant` and `system` are written by agents alone."""
    slow_reader_bytes: Count = 1_048_576
    """Unsent bytes after which a socket is taken out of its room and sent `resync`."""

    unsent_bytes: Count = 134_217_728
    """Unsent bytes of all sockets of an instance after which the one with most is sent `resync`."""
    sockets_per_address: CountOrOff = 50
    """Connections of an address that are not admitted yet, on one instance."""
    waiting_sockets: CountOrOff = 1_000
    """Connections that are not admitted yet, on one instance."""
    trusted_proxies: Annotated[int, Field(ge=0, le=100)] = 0
    """How many of the last addresses in `X-Forwarded-For` our own proxies wrote; 1 on Cloud Run."""

    @property
    def default_page(self) -> int:
        """The page size of a client that asks for none."""
        return min(50, self.max_page)
