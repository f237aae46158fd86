"""What the bus carries: a closed form, whose times are instants."""

import json

import pytest
from pydantic import ValidationError

from confab.domain.events import decode_event, encode_event, event_of
from tests.support.samples import message

GOOD = json.loads(encode_event(event_of(message(1), origin="i1")))


def test_an_event_has_the_contracts_form():
    assert set(GOOD) == {"v", "type", "conversationId", "seq", "data", "origin", "at"}
    assert (GOOD["v"], GOOD["type"], GOOD["seq"]) == (1, "message.created", 1)
    assert GOOD["at"] == "2026-01-02T03:04:05.678Z"


@pytest.mark.parametrize("at", ["2026-01-02T03:04:05.678", "yesterday", 5, None])
def test_a_time_that_is_no_instant_is_refused(at):
    with pytest.raises(ValidationError):
        decode_event(json.dumps(GOOD | {"at": at}).encode())


def test_an_undeclared_field_is_refused():
    with pytest.raises(ValidationError):
        decode_event(json.dumps(GOOD | {"extra": 1}).encode())


def test_an_offset_is_the_same_instant():
    moved = decode_event(json.dumps(GOOD | {"at": "2026-01-02T05:04:05.678+02:00"}).encode())
    assert json.loads(encode_event(moved)) == GOOD
