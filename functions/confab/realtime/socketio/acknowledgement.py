"""The answer to an event."""

from collections.abc import Callable, Mapping
from typing import Any

from confab.realtime.socketio import packets
from confab.realtime.socketio.outlet import Outlet


class Acknowledgement:
    """Acknowledges one event of a client, once."""

    __slots__ = ("_outlet", "_packet_id", "_refund")

    def __init__(self, outlet: Outlet, packet_id: int | None, refund: Callable[[], None] | None) -> None:
        """`refund` is called once the event is acknowledged with `ok`."""
        self._outlet = outlet
        self._packet_id = packet_id
        self._refund = refund

    def __call__(self, data: Mapping[str, Any]) -> None:
        """Send it, if the client asked for one and is still there."""
        if self._refund is not None and data.get("ok"):
            self._refund()
            self._refund = None
        packet_id, self._packet_id = self._packet_id, None
        if packet_id is not None:
            self._outlet.send(packets.acknowledgement(packet_id, data))
