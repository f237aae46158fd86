"""What an entry becomes on its way into sockets, and who is counted as having taken it."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from confab.domain.events import TypingState
from confab.realtime.broadcast import Broadcast
from confab.realtime.sockets import Sockets
from confab.realtime.transport import Transport
from tests.support.samples import finalized, message, principal


class Polling:
    """A socket without a WebSocket: it takes what it is offered, unless it is slow."""

    wire = None

    def __init__(self, *, closed=False, slow=False):
        self.closed, self.slow = closed, slow
        self.taken = []

    def offer(self, packet, _limit):
        if not self.slow:
            self.taken.append(json.loads(packet.data.removeprefix("2")))
        return not self.slow


@pytest.fixture
def missed():
    return []


@pytest.fixture
def transport(missed):
    transport = Transport(max_packet_bytes=1_000, max_unsent_bytes=1_000, allowed_origins=[])
    transport._events = SimpleNamespace(fell_behind=lambda sid, data: missed.append((sid, data)))
    sockets: dict[str, Any] = {"open": Polling(), "closed": Polling(closed=True), "slow": Polling(slow=True)}
    transport._sockets = sockets
    return transport


@pytest.mark.parametrize(("event", "entry"), [("message", message(3)), ("finalized", finalized(3))])
def test_who_is_gone_or_too_slow_does_not_count(transport, missed, event, entry):
    broadcast = Broadcast(transport, Sockets(0))
    assert broadcast.entry(["closed", "open", "gone", "slow"], entry) == 1
    assert transport._sockets["open"].taken == [[event, entry.wire()]]
    assert missed == [("slow", entry)]


def test_typing_is_shown_as_on_the_wire(transport):
    sockets = Sockets(0)
    sockets.add("open", principal("bob"))
    state = TypingState(conversation_id="c1", user_id="alice", typing=True)
    Broadcast(transport, sockets).typing(["open"], state)
    assert transport._sockets["open"].taken == [["typing", state.wire()]]
