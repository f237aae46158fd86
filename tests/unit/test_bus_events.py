"""An event of the bus is a closed model, whose times are instants."""

import json

import pytest

from confab.bus.client import ORIGIN
from confab.bus.publisher import _message
from confab.domain.events import decode_event, deletion_of, encode_event, erasure_of, event_of
from tests.support.samples import NOW, edited, message

GOOD = json.loads(encode_event(event_of(message(1), origin="i1")))


TYPING = {"conversationId": "c2", "userId": "eve", "typing": True}
INVALID_TIMES = (
    "2026-01-02T03:04:05.678",
    "yesterday",
    5,
    None,
    -1,
    1e30,
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
)
UNREADABLE = (b"", b"\xff", b"[" * 100_000, b'{"v":' * 50_000, b"null", b"1e400")
DISAGREEING = (
    {"conversationId": "another"},
    {"seq": 2},
    {"seq": None},
    {"seq": 0, "data": GOOD["data"] | {"seq": 0}},
    {"seq": -5, "data": GOOD["data"] | {"seq": -5}},
    {"seq": 2**70, "data": GOOD["data"] | {"seq": 2**70}},
    {"data": GOOD["data"] | {"createdAt": "0001-01-01T00:00:00+23:59"}},
    {"type": "conversation.finalized"},
    {"type": "typing", "seq": None, "data": TYPING},
    {"type": "message.changed"},
    {"type": "conversation.deleted", "seq": None, "data": {"conversationId": "another"}},
    {"type": "conversation.deleted", "data": {"conversationId": "c1"}},
    {"type": "user.erased", "seq": None, "data": {"userId": "bob"}},
)


@pytest.mark.parametrize(
    "data",
    [
        *UNREADABLE,
        *(
            json.dumps(GOOD | changed).encode()
            for changed in (*({"at": at} for at in INVALID_TIMES), {"extra": 1}, *DISAGREEING)
        ),
    ],
)
def test_anything_else_is_no_event(data):
    with pytest.raises(ValueError, match="not a valid event"):
        decode_event(data)


@pytest.mark.parametrize(
    ("event", "source", "number"),
    [
        (event_of(edited(2), origin="i1"), "/api/conversations/c1", "c1/2"),
        (deletion_of("c1", origin="i1", at=NOW), "/api/conversations/c1", None),
        (erasure_of("bob", origin="i1", at=NOW), "/api/me", None),
    ],
)
def test_an_event_carries_the_attributes_of_cloudevents(event, source, number):
    assert decode_event(encode_event(event)) == event
    attributes, again = dict(_message(event).attributes), dict(_message(event).attributes)
    ids = {attributes.pop("ce-id"), again["ce-id"]}
    assert ids == {number} if number else len(ids) == 2
    assert "bob" not in str(attributes)
    named = {} if event.conversation_id is None else {"conversationId": "c1"}
    assert attributes == named | {
        "type": event.type,
        ORIGIN: "i1",
        "ce-specversion": "1.0",
        "ce-type": event.type,
        "ce-source": source,
        "ce-time": "2026-01-02T03:04:05.678Z",
    }


def test_an_offset_is_the_same_instant():
    moved = decode_event(json.dumps(GOOD | {"at": "2026-01-02T05:04:05.678+02:00"}).encode())
    assert json.loads(encode_event(moved)) == GOOD
