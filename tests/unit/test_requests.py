import json

import pytest

from confab.domain.errors import InvalidRequest
from confab.domain.limits import Limits
from confab.domain.requests import (
    AddMessage,
    CreateConversation,
    GetConversation,
    ListConversations,
    parse,
    parse_json,
)
from tests.support.samples import NOW

LIMITS = Limits()


def paths(model, fields) -> list[str]:
    with pytest.raises(InvalidRequest) as refused:
        parse(model, fields, LIMITS)
    return [error.path for error in refused.value.errors]


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({}, "content"),
        ({"content": ""}, "content"),
        ({"content": 5}, "content"),
        ({"content": None}, "content"),
        ({"content": "é" * 16_385}, "content"),
        ({"content": "x", "role": "admin"}, "role"),
        ({"content": "x", "role": None}, "role"),
        ({"content": "x", "clientMessageId": ""}, "clientMessageId"),
        ({"content": "x", "clientMessageId": "a" * 129}, "clientMessageId"),
        ({"content": "x", "clientMessageId": "ä"}, "clientMessageId"),
        ({"content": "x", "clientMessageId": "a\n"}, "clientMessageId"),
        ({"content": "x", "clientMessageId": 7}, "clientMessageId"),
        ({"content": "x", "metadata": []}, "metadata"),
        ({"content": "x", "metadata": {"a": "b" * 4_096}}, "metadata"),
        ({"content": "x", "metadata": {"a": float("inf")}}, "metadata"),
        ({"content": "x", "client_message_id": "snake"}, "client_message_id"),
        ({"content": "x", "seq": 3}, "seq"),
    ],
)
def test_a_bad_field_of_a_message_is_named(fields, path):
    assert paths(AddMessage, fields) == [path]


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({}, "type"),
        ({"type": "party"}, "type"),
        ({"type": "chat", "title": "t" * 201}, "title"),
        ({"type": "chat", "title": 3}, "title"),
        ({"type": "chat", "members": {}}, "members"),
        ({"type": "chat", "members": [{"userId": str(n)} for n in range(101)]}, "members"),
        ({"type": "chat", "members": [{"userId": ""}]}, "members.0.userId"),
        ({"type": "chat", "members": [{"userId": "b" * 129}]}, "members.0.userId"),
        ({"type": "chat", "members": [{"userId": "b", "access": "all"}]}, "members.0.access"),
        ({"type": "chat", "members": [{"userId": "b", "role": "x"}]}, "members.0.role"),
        ({"type": "chat", "owner": "eve"}, "owner"),
    ],
)
def test_a_bad_field_of_a_conversation_is_named(fields, path):
    assert paths(CreateConversation, fields) == [path]


@pytest.mark.parametrize("fields", [None, [], "text", 3, True])
def test_a_request_is_an_object(fields):
    assert paths(AddMessage, fields) == [""]


def test_every_bad_field_is_named_at_once():
    assert paths(AddMessage, {"content": "", "role": "x", "foo": 1}) == ["content", "role", "foo"]


def test_limits_are_exact():
    assert parse(AddMessage, {"content": "é" * 16_384}, LIMITS).content
    assert parse(CreateConversation, {"type": "chat", "title": "😀" * 200}, LIMITS).title
    just = {"a": "b" * (4_096 - len('{"a":""}'))}
    assert parse(AddMessage, {"content": "x", "metadata": just}, LIMITS).metadata == just


def test_members_are_neither_the_owner_nor_listed_twice():
    request = parse(
        CreateConversation,
        {"type": "chat", "members": [{"userId": "bob"}, {"userId": "alice"}, {"userId": "bob"}]},
        LIMITS,
    )
    with pytest.raises(InvalidRequest) as refused:
        request.members_beside("alice")
    assert [e.path for e in refused.value.errors] == ["members.1.userId", "members.2.userId"]


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "201"}, "limit"),
        ({"limit": "ten"}, "limit"),
        ({"limit": "5_0"}, "limit"),
        ({"limit": " 5"}, "limit"),
        ({"limit": "+5"}, "limit"),
        ({"limit": "05"}, "limit"),
        ({"limit": "5.0"}, "limit"),
        ({"limit": ""}, "limit"),
        ({"after": "-1"}, "after"),
        ({"after": "1.5"}, "after"),
        ({"after": "9" * 30}, "after"),
        ({"before": "0"}, "before"),
        ({"after": "1", "before": "3"}, ""),
        ({"page": "2"}, "page"),
    ],
)
def test_a_bad_page_is_named(query, path):
    assert paths(GetConversation, query) == [path]


@pytest.mark.parametrize(
    ("query", "path"),
    [({"status": "open"}, "status"), ({"cursor": "c" * 257}, "cursor"), ({"limit": "-1"}, "limit")],
)
def test_a_bad_listing_is_named(query, path):
    assert paths(ListConversations, query) == [path]


def test_a_page_has_50_or_what_is_allowed():
    assert parse(GetConversation, {}, LIMITS).limit == 50
    assert parse(GetConversation, {}, Limits(max_page=20)).limit == 20
    assert parse(GetConversation, {"limit": "200"}, LIMITS).limit == 200


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b'{"a":NaN}', b'{"a":Infinity}', b'{"a":"\\ud800"}', b'"\xff"', b"[" * 5_000, b"{'a':1}"],
)
def test_only_json_is_json(text):
    with pytest.raises(InvalidRequest):
        parse_json(text)


def test_json_keeps_big_numbers_and_nulls():
    value = {"big": 10**30, "nothing": None, "deep": [{"a": [1.5]}]}
    assert parse_json(json.dumps(value)) == value


def test_a_count_of_0_is_no_limit():
    many = {"type": "chat", "members": [{"userId": str(n)} for n in range(150)]}
    assert len(parse(CreateConversation, many, Limits(max_members=0)).members) == 150


@pytest.mark.parametrize(
    ("metadata", "same"),
    [({"b": 2, "a": [1]}, True), ({"a": [True], "b": 2}, False), ({"a": [1], "b": "2"}, False), ({}, False)],
)
def test_a_repeated_body_is_compared_as_json(metadata, same):
    first = parse(AddMessage, {"content": "x", "metadata": {"a": [1], "b": 2}}, LIMITS).draft("c1", "alice")
    again = parse(AddMessage, {"content": "x", "metadata": metadata}, LIMITS).draft("c1", "alice")
    assert again.became(first.numbered(1, NOW)) is same
