"""An event for many sockets skips those that are closed or slow."""

import json
from typing import Any

import pytest

from confab.domain.events import TypingState
from confab.realtime.transport import Sent, Transport
from tests.support.samples import finalized, message


class Polling:
    """A socket that polls: it accepts each packet, unless it is slow."""

    wire = None

    def __init__(self, *, closed=False, slow=False):
        self.closed, self.slow = closed, slow
        self.taken = []

    def offer(self, packet, _limit):
        if not self.slow:
            self.taken.append(json.loads(packet.data.removeprefix("2")))
        return not self.slow


@pytest.mark.parametrize(
    ("event", "data"),
    [
        ("message", message(3)),
        ("finalized", finalized(3)),
        ("typing", TypingState(conversation_id="c1", user_id="alice", typing=True)),
    ],
)
def test_closed_and_slow_sockets_are_no_deliveries(event, data):
    transport = Transport(max_packet_bytes=1_000, max_unsent_bytes=1_000, allowed_origins=[])
    sockets: dict[str, Any] = {"open": Polling(), "closed": Polling(closed=True), "slow": Polling(slow=True)}
    transport._sockets = sockets
    assert transport.send_event(["closed", "open", "gone", "slow"], event, data) == Sent(1, ["slow"])
    assert sockets["open"].taken == [[event, data.wire()]]
