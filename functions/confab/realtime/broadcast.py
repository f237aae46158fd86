"""From entries and typing to the events that sockets see."""

from collections.abc import Collection, Mapping
from typing import Any

from confab.domain.events import TypingState
from confab.domain.models import Entry, Message
from confab.realtime.sockets import Sockets
from confab.realtime.transport import Transport


class Broadcast:
    """Implements `Sender` over the transport."""

    def __init__(self, transport: Transport, sockets: Sockets) -> None:
        self._transport = transport
        self._sockets = sockets

    def entry(self, sids: Collection[str], entry: Entry) -> int:
        """Send an entry to these sockets; how many took it."""
        event = "message" if isinstance(entry, Message) else "finalized"
        return self._transport.send_event(sids, event, entry)

    def typing(self, sids: Collection[str], state: TypingState) -> None:
        """Show somebody's typing to those of these sockets that are other users'."""
        others = self._sockets.of_others(sids, state.user_id)
        if others:
            self._transport.send_event(others, "typing", state)

    def resync(self, sid: str, conversation_id: str, after: int) -> None:
        """Tell a socket that it is out of the room and has seen the log up to `after`."""
        self._transport.tell(sid, "resync", {"conversationId": conversation_id, "after": after})

    def joined(self, sid: str, ack: Mapping[str, Any]) -> None:
        """Tell a socket that its handshake's join is done, with what `join` acknowledges."""
        self._transport.tell(sid, "joined", ack)
