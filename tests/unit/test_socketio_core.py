"""The Socket.IO core against a model of what its client sent and saw: anything comes in, in any order."""

import itertools
import math
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from pydantic_core import from_json, to_json

from confab.realtime.socketio.connection import (
    MAX_CONNECTS,
    STRANGER_BYTES,
    Connection,
    Event,
    Handshake,
    Left,
    Reply,
    Unreadable,
)
from confab.realtime.socketio.engine import Heartbeat, Packet, Session
from confab.realtime.socketio.packets import MAX_ATTACHMENTS, Malformed, unknown_namespace
from tests.fuzz.stranger import PACKETS

INTERVAL, TIMEOUT, CONNECT_S = 25.0, 20.0, 5.0
MAX_BYTES = 64
DEAD = 2
"""Steps after the end of a session with which another one begins."""
STATE_BYTES = 128
"""Of each thing that a state machine remembers, except for what is to be sent."""

json = st.none() | st.integers() | st.text(max_size=4) | st.dictionaries(st.text(max_size=2), st.booleans())
mostly, mostly_not = st.sampled_from((True, True, True, False)), st.sampled_from((False, False, True))
TALKS = ["3"], ["5"], ["41"], ["41", "40"], ["41", "41"], ["43[]", "43[]"], ["40", "41"]
NEAR = ["42[null]"], ['421-["a"]'], ["40/other,"]
ATTACHED = ['451-["a"]', b"a"], ["461-[]", b"", b""], ["462-[]", "3", b"a", b""], ['451-["a"]', "43[]"], [b""]
STEPS = (
    ("2probe",),
    ("2probe",),
    ("2probe",),
    ("2probe", "5"),
    ("5",),
    ("2probe", "2probe"),
    ("2",),
    (b"5",),
    (),
)
LARGE = (
    '42["' + "a" * MAX_BYTES + '"]',
    '425["' + "é" * MAX_BYTES,
    "40" + " " * 2_000 + "{}",
    '40{"a":"' + "a" * 20_000 + '"}',
)
known = st.sampled_from((*PACKETS, "", "42" + "[" * 300, "42" + "9" * 5_000, *LARGE))
packets = st.one_of(
    [known] * 3
    + [st.binary(max_size=MAX_BYTES + 1), st.text(max_size=12)]
    + [st.text('0123456789-/,[]{}":ab', max_size=12).map("4".__add__)]
)
"""What a client may send."""
going_on = precondition(lambda machine: machine.dead < DEAD)


class Core(RuleBasedStateMachine):
    """A session and its connection, driven as `Socket`, `polling` and `websocket` drive them."""

    @initialize(over_websocket=mostly_not, admitted=mostly)
    def begin(self, *, over_websocket: bool, admitted: bool) -> None:
        self.now = 0.0
        self.session = Session("s1", Heartbeat(INTERVAL, TIMEOUT), self.now, over_websocket=over_websocket)
        self.connection = Connection(MAX_BYTES, MAX_BYTES, CONNECT_S, self.now)
        self.websocket, self.candidate, self.probed = over_websocket, False, False
        self.polls = self.answered = (
            False  # whether a poll waits, and whether the shell was told to answer it
        )
        self.ended, self.dead = "", 0  # how, once it has, and for how many steps
        self.sent: list[Packet] = []
        self.seen: list[Packet] = []  # what the client got, but for NOOP
        self.due, self.pinged, self.silent = INTERVAL, False, 0
        self.asked = self.admitted = False
        self.handshakes = self.attachments = 0
        opening = self.session.opening(MAX_BYTES)
        assert from_json(opening[1:])["upgrades"] == ([] if over_websocket else ["websocket"])
        self.send(opening)
        if not over_websocket:
            self.seen += self.session.take()
        if admitted:
            assert self.take_in("40") == Handshake(None)
            self.answer_the_handshake(good=True)

    @precondition(lambda self: self.ended)
    @rule(over_websocket=mostly_not, admitted=mostly)
    def begin_again(self, **how: bool) -> None:
        self.begin(**how)

    # What the server does.

    @going_on
    @rule(packet=st.text(max_size=3).map("4".__add__) | st.binary(max_size=3))
    def send(self, packet: Packet) -> None:
        if self.session.open:
            self.session.send(packet)
            self.sent.append(packet)
        self.settle()

    @precondition(lambda self: self.asked)
    @rule(good=st.booleans())
    def answer_the_handshake(self, *, good: bool) -> None:
        self.asked, self.admitted = False, good
        if good:
            self.connection.accept()
        else:
            self.connection.refuse(self.now)

    @going_on
    @precondition(lambda self: len(self.sent) > 1)
    @rule(politely=st.booleans())
    def close(self, *, politely: bool) -> None:
        self.session.close(politely=politely)
        self.end("politely" if politely else "at once")

    @going_on
    @rule(waits=st.lists(st.sampled_from((0.5, CONNECT_S, TIMEOUT, INTERVAL, 1_000)), min_size=1, max_size=3))
    def wait(self, waits: list[float]) -> None:
        for seconds in waits:
            self.now += seconds
            self.tick()

    # What the client does.

    @going_on
    @rule(talks=st.lists(st.sampled_from((*TALKS, *NEAR, *ATTACHED)), max_size=3), packet=packets)
    def receive(self, talks: Sequence[Sequence[Packet]], packet: Packet) -> None:
        """Mostly what is often good, and then anything."""
        for often_good in itertools.chain(*talks):
            self.take_in(often_good)
        self.take_in(packet)

    @precondition(lambda self: not self.admitted and not self.asked)
    @rule(times=st.integers(1, MAX_CONNECTS + 1), packet=st.sampled_from(("40", "40/other,", *LARGE[2:])))
    def knock(self, times: int, packet: str) -> None:
        for _ in range(times):
            self.take_in(packet)
            if self.asked:
                self.answer_the_handshake(good=False)

    @precondition(lambda self: self.admitted and not self.attachments and not self.ended)
    @rule(
        id_=st.none() | st.integers(0, 10**16 - 1),
        data=st.builds(lambda name, rest: [name, *rest], st.text(max_size=4) | st.integers(), st.lists(json)),
        attachments=st.sampled_from((None, 1, 2, MAX_ATTACHMENTS)),
    )
    def emit(self, id_: int | None, data: list[object], attachments: int | None) -> None:
        """A good event arrives as it was sent; one with attachments is refused by its id."""
        kind = "2" if attachments is None else f"5{attachments}-"
        packet = f"4{kind}{'' if id_ is None else id_}" + to_json(data).decode()
        received = self.take_in(packet)
        if attachments is not None or len(packet.encode()) > MAX_BYTES + 1:
            assert isinstance(received, Unreadable)
            assert received.id == id_
        else:
            assert received == Event(id_, data[0], data[1:])

    @going_on
    @precondition(lambda self: not self.websocket)
    @rule(most=st.none() | st.integers(1, 3))
    def poll(self, most: int | None) -> None:
        """A second one at a time ends the session. It is answered at once, if it can be, or later."""
        begun = self.session.begin_poll()
        assert begun == (not self.polls and self.ended in ("", "politely"))
        if self.polls and not self.ended:
            self.sent.append("1")
            self.end("politely")
        self.polls = self.polls or begun
        self.settle()
        if self.answered and most:
            self.answer_the_poll(most)

    @precondition(lambda self: self.answered)
    @rule(most=st.integers(1, 3))
    def answer_the_poll(self, most: int) -> None:
        left = len(self.session.outgoing)
        packets = self.session.end_poll(most)
        self.polls = self.answered = False
        holds_back = self.probed or self.websocket or not left
        assert packets == ["6"] if holds_back else len(packets) == min(most, left)
        self.seen += [] if holds_back else packets
        if self.ended == "politely" and not self.session.outgoing:
            self.ended = "after a last poll"

    @going_on
    @rule(steps=st.sampled_from(STEPS))
    def upgrade(self, steps: Sequence[Packet]) -> None:
        """One at a time, and once; a WebSocket may leave in the middle of it."""
        begun = self.session.begin_upgrade()
        assert begun == (not self.ended and not self.websocket and not self.candidate)
        self.candidate = self.candidate or begun
        for packet in steps:
            if self.candidate:
                self.go_on_with_the_upgrade(packet)

    def go_on_with_the_upgrade(self, packet: Packet) -> None:
        answer, malformed = tried(self.session.upgrade, packet), packet != ("5" if self.probed else "2probe")
        assert answer is (Malformed if malformed else None) or (answer, self.probed) == ("3probe", False)
        self.websocket = self.probed and not malformed
        self.probed = not self.probed and not malformed
        self.settle()
        if not self.probed or self.ended:
            self.end_the_upgrade()

    @going_on
    @precondition(lambda self: self.candidate)
    @rule()
    def end_the_upgrade(self) -> None:
        self.session.end_upgrade()
        self.candidate = self.probed = False

    # What must hold.

    @invariant()
    def everything_sent_arrives_once_and_in_order(self) -> None:
        seen, queued = self.seen, list(self.session.outgoing)
        assert seen + queued == (self.sent[: len(seen)] if self.ended == "at once" else self.sent)
        assert self.session.unsent == sum(map(len, queued))
        assert not (self.websocket and queued)
        if self.polls and (queued or self.probed or self.websocket or self.ended):
            assert self.answered
            assert self.session.poll_is_due  # also if the poll looks for the first time now
        self.dead += bool(self.ended)

    @invariant()
    def its_state_is_the_one_that_the_client_has_brought_about(self) -> None:
        assert (self.session.open, self.session.over_websocket) == (not self.ended, self.websocket)
        assert (self.connection.admitted, self.session.upgrading) == (self.admitted, self.probed)
        assert math.isinf(self.connection.deadline) == (self.admitted or self.asked)
        assert self.ended or self.session.deadline == self.due

    @invariant()
    def nothing_grows_but_what_is_to_be_sent(self) -> None:
        for machine in (self.session, self.connection):
            for name in set(type(machine).__slots__) - {"outgoing"}:
                assert sys.getsizeof(getattr(machine, name)) <= STATE_BYTES

    # What follows from it.

    def tick(self) -> None:
        """The timer may go off late. Whoever was silent from one deadline to the next is gone."""
        if not self.session.open:
            return
        if self.now >= self.connection.deadline:
            self.close(politely=False)
            return
        self.session.tick(self.now)
        if self.now >= self.due:
            self.silent += 1
            self.due = self.now + TIMEOUT
            if self.silent == 2:
                self.end("at once")
            elif not self.pinged:
                self.pinged = True
                self.sent.append("2")
        self.settle()

    def end(self, how: str) -> None:
        self.ended = self.ended or how
        self.settle()

    def settle(self) -> None:
        """What is queued goes to the WebSocket, or the poll is to be answered."""
        if self.websocket:
            self.seen += self.session.take()
        self.answered = self.answered or (self.polls and self.session.poll_is_due)

    def take_in(self, packet: Packet) -> object:
        """What a packet of the client means: nothing that only another state allows."""
        binary, closed = isinstance(packet, bytes), bool(self.ended)
        message = tried(self.session.receive, packet, self.now)
        assert (message is Malformed) == (not binary and packet[:1] not in ("1", "3", "4") and packet != "5")
        if message is Malformed or packet[:1] == "1":
            self.close(politely=False)
        if packet[:1] == "3" and self.pinged and not closed:
            self.pinged, self.silent, self.due = False, 0, self.now + INTERVAL
        if message in (Malformed, None) or closed:
            return None
        assert message == (packet if binary else packet[1:])
        self.silent = 0
        received = tried(self.connection.receive, message, self.now)
        if received is Malformed:
            assert not (binary and self.attachments and len(message) <= MAX_BYTES)
            self.close(politely=False)
        else:
            self.judge(message, received)
        return received

    def judge(self, message: Packet, received: object) -> None:
        """What is not malformed is one of the known results, in a state that allows it."""
        if isinstance(message, bytes):
            assert received is None
            self.attachments -= 1
        else:
            assert not self.attachments
            announced = re.match(r"[56](\d+)-", message)
            self.attachments = int(announced[1]) if announced else 0
        assert 0 <= self.attachments <= MAX_ATTACHMENTS
        assert self.admitted or (len(message) <= STRANGER_BYTES and "  " * 1_000 not in str(message))
        if isinstance(received, Handshake):
            assert (self.asked, self.admitted) == (False, False)
            self.asked, self.handshakes = True, self.handshakes + 1
        elif isinstance(received, Reply):
            assert received.packet == unknown_namespace(str(message)[1:].split(",")[0])
            self.handshakes += not self.admitted
            self.send(received.packet)
        else:
            assert self.admitted
            assert received is None or isinstance(received, Event | Unreadable | Left)
            self.admitted = not isinstance(received, Left)
        if isinstance(received, Event):
            assert re.match(r"2(/,)?\d*\s*\[", str(message))
            assert isinstance(received.name, str | int | float)
        assert self.handshakes <= MAX_CONNECTS


def tried(act: Callable[..., object], *arguments: object) -> Any:
    """What it returns; Malformed if it raises that."""
    try:
        return act(*arguments)
    except Malformed:
        return Malformed


TestCore = pytest.mark.timeout(600)(Core.TestCase)  # a failure is shrunk for minutes
TestCore.settings = settings(stateful_step_count=80)
