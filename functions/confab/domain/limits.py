"""The sizes and counts that a deployment allows; their defaults are the public contract's."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Upper bounds on what a client may send, ask for or hold open.

    `max_members`, `max_rooms_per_socket` and `max_sockets_per_user` are switched off by 0.
    """

    max_content_bytes: int = 32_768
    """UTF-8 bytes of a message's content."""
    max_title_chars: int = 200
    max_metadata_bytes: int = 4_096
    """UTF-8 bytes of metadata as compact JSON."""
    max_body_bytes: int = 262_144
    """Bytes of a REST body or of a socket packet."""
    max_members: int = 100
    max_page: int = 200
    """Messages or conversations in one response."""
    max_page_bytes: int = 262_144
    """Bytes of one response with a page in it, as JSON; a page has at least one item whatever its size."""
    max_rooms_per_socket: int = 100
    max_sockets_per_user: int = 20
    """Counted on one instance."""
    slow_reader_bytes: int = 1_048_576
    """Unsent bytes after which a socket is taken out of its room and told to resync."""

    @property
    def default_page(self) -> int:
        """The page size of a client that asks for none."""
        return min(50, self.max_page)
