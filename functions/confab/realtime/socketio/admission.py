"""Who waits to be admitted: few connections an address, and a bounded number of them in all."""

import ipaddress
from collections.abc import Sequence

from confab.domain.errors import Unavailable

RETRY_S = 5
"""Seconds after which an address may try again that has too many connections waiting."""
_IPV6_PREFIX = 64
"""The bits of an IPv6 address that stand for one customer of a network (RFC 6177)."""


class WaitingRoom:
    """The connections that have not shown a good token yet, by the address of their client."""

    def __init__(self, per_address: int, total: int) -> None:
        """How many may wait; 0 is no limit."""
        self._per_address = per_address
        self._total = total
        self._waiting: dict[str, dict[str, None]] = {}  # address → sids, the oldest first
        self._address: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._address)

    def require_room(self, address: str) -> None:
        """Raises Unavailable if the address has as many connections waiting as it may have."""
        if 0 < self._per_address <= len(self._waiting.get(address, ())):
            raise Unavailable(
                f"An address has at most {self._per_address} connections that have not sent a token yet.",
                retry_after=RETRY_S,
            )

    def enter(self, sid: str, address: str) -> str | None:
        """Let a connection wait; returns the one that is to be closed for it, if there are too many.

        That is the oldest one of the address that has the most.
        """
        self._waiting.setdefault(address, {})[sid] = None
        self._address[sid] = address
        if not 0 < self._total < len(self._address):
            return None
        fullest = max(self._waiting.values(), key=lambda sids: len(sids))  # noqa: PLW0108 - mypy cannot infer len
        return next(iter(fullest))

    def leave(self, sid: str) -> None:
        """The connection is admitted, or gone."""
        address = self._address.pop(sid, None)
        if address is None:
            return
        waiting = self._waiting[address]
        del waiting[sid]
        if not waiting:
            del self._waiting[address]


def client_address(peer: str, forwarded: Sequence[str], trusted_proxies: int) -> str:
    """The address that a connection counts for.

    `forwarded` holds the values of `X-Forwarded-For`. The last `trusted_proxies` addresses in them were
    written by proxies of ours, the first of these by the one that the client reached; what stands
    before them anybody may have written. Without such an address, it is the peer's.
    """
    hops = [hop.strip() for value in forwarded for hop in value.split(",")]
    written = hops[-trusted_proxies] if 0 < trusted_proxies <= len(hops) else peer
    return _group(written) or _group(peer) or peer


def _group(address: str) -> str | None:
    """The address, of IPv6 its network; None if it is none."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return None
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, _IPV6_PREFIX), strict=False))
    return str(parsed)
