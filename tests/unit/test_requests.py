import json
from typing import Any

import pytest

from confab.domain.errors import FieldError, InvalidRequest
from confab.domain.limits import Limits
from confab.domain.requests import (
    AddMessage,
    CreateConversation,
    EditMessage,
    GetConversation,
    ListConversations,
    MemberPath,
    MessagePath,
    ReadLog,
    SetMember,
    UpdateConversation,
    parse,
    parse_json,
)
from tests.support.samples import NOW, principal

LIMITS = Limits()


def paths(model, fields) -> list[str]:
    with pytest.raises(InvalidRequest) as refused:
        parse(model, fields, LIMITS)
    return [error.path for error in refused.value.errors]


Bad = Any
"""Fields, and the path of the one that is wrong."""
NO_TEXTS = ("a\0b", "\ud800", "x\udfff")
NO_USERS = ("", "b" * 129, "a/b", "a\x01", "a\x7f", "a\x9f", "a\nb", "agent:x", "agent:", None, 5, *NO_TEXTS)
NO_OBJECTS: list[Any] = [None, [], "text", 3, True]
BAD_CONTENT: list[Bad] = [
    ({"content": content}, "content") for content in ("", 5, None, "é" * 16_385, *NO_TEXTS)
]
BAD_METADATA: list[Bad] = [
    ({"metadata": []}, "metadata"),
    ({"metadata": None}, "metadata"),
    *[({"metadata": {"a": value}}, "metadata") for value in ("b" * 4_096, float("inf"))],
]
BAD_MESSAGES: list[Bad] = [
    *BAD_CONTENT,
    ({"role": "admin"}, "role"),
    ({"role": None}, "role"),
    *[({"clientMessageId": key}, "clientMessageId") for key in ("", "a" * 129, "ä", "a\n", 7)],
    *[({"inReplyTo": seq}, "inReplyTo") for seq in (0, -1, 2**53, "7", 1.5, True)],
    *BAD_METADATA,
    ({"client_message_id": "snake"}, "client_message_id"),
    ({"seq": 3}, "seq"),
]
BAD_TITLES: list[Bad] = [({"title": title}, "title") for title in ("t" * 201, 3, *NO_TEXTS)]
BAD_CONVERSATIONS: list[Bad] = [
    ({"type": "party"}, "type"),
    *BAD_TITLES,
    ({"members": {}}, "members"),
    ({"members": [{"userId": str(n)} for n in range(101)]}, "members"),
    *[({"members": [{"userId": uid}]}, "members.0.userId") for uid in NO_USERS],
    *[({"members": [{"userId": "b", name: "x"}]}, f"members.0.{name}") for name in ("access", "role")],
    ({"owner": "eve"}, "owner"),
]
BAD_UPDATES: list[Bad] = [
    ({}, ""),
    *BAD_TITLES,
    *BAD_METADATA,
    *[({"owner": uid}, "owner") for uid in NO_USERS],
    *[({name: "x"}, name) for name in ("status", "members", "type", "seq")],
]
BAD_EDITS: list[Bad] = [
    ({}, ""),
    *BAD_CONTENT,
    *BAD_METADATA,
    *[({name: "user"}, name) for name in ("role", "inReplyTo", "clientMessageId", "author")],
]
BAD_ACCESS: list[Bad] = [
    ({}, "access"),
    *[({"access": access}, "access") for access in ("all", "", None, True)],
    ({"access": "read", "userId": "bob"}, "userId"),
]
BAD_NUMBERS = ("one", "1.0", "01", "", " 1", "1e3", "+1", "-0", "٣")
BAD_PATHS: list[tuple[Any, Bad, str]] = [
    *((MessagePath, {"id": "c", "seq": seq}, "seq") for seq in BAD_NUMBERS),
    *((MemberPath, {"id": "c", "userId": uid}, "userId") for uid in NO_USERS),
]
BAD_NUMBERS_OF_PAGES: list[Bad] = [
    *[({"limit": text}, "limit") for text in ("0", "201", "ten", "5_0", " 5", "+5", "05", "5.0", "")],
    *[({"after": text}, "after") for text in ("-1", "1.5", "9" * 30)],
]
BAD_PAGES: list[Bad] = [
    *BAD_NUMBERS_OF_PAGES,
    ({"before": "0"}, "before"),
    ({"after": "1", "before": "3"}, ""),
    ({"page": "2"}, "page"),
]
BAD_LISTS: list[Bad] = [
    ({"status": "open"}, "status"),
    ({"cursor": "c" * 257}, "cursor"),
    ({"limit": "-1"}, "limit"),
]


@pytest.mark.parametrize(
    ("model", "fields", "path"),
    [
        (AddMessage, {}, "content"),
        *((AddMessage, {"content": "x"} | fields, path) for fields, path in BAD_MESSAGES),
        (CreateConversation, {}, "type"),
        *((CreateConversation, {"type": "chat"} | fields, path) for fields, path in BAD_CONVERSATIONS),
        *((GetConversation, *bad) for bad in BAD_PAGES),
        *((ListConversations, *bad) for bad in BAD_LISTS),
        *((UpdateConversation, *bad) for bad in BAD_UPDATES),
        *((EditMessage, *bad) for bad in BAD_EDITS),
        *((SetMember, *bad) for bad in BAD_ACCESS),
        *((ReadLog, *bad) for bad in (*BAD_NUMBERS_OF_PAGES, ({"before": "1"}, "before"))),
        *BAD_PATHS,
        *((UpdateConversation, no_object, "") for no_object in NO_OBJECTS),
        *((AddMessage, no_object, "") for no_object in NO_OBJECTS),
    ],
)
def test_a_bad_field_is_named(model, fields, path):
    assert paths(model, fields) == [path]


def test_a_field_that_is_not_given_stays_and_null_clears_a_title():
    assert parse(UpdateConversation, {"title": None}, LIMITS).given() == {"title": None}
    assert parse(UpdateConversation, {"owner": "bob", "metadata": {}}, LIMITS).given() == {
        "owner": "bob",
        "metadata": {},
    }
    assert parse(EditMessage, {"content": "x"}, LIMITS).given() == {"content": "x"}


def nested(depth: int, leaf: object = 1) -> object:
    for level in range(depth):
        leaf = [leaf] if level % 2 else {"a": leaf}
    return leaf


def test_metadata_is_nested_64_deep_and_no_deeper():
    just, beyond = {"a": nested(63)}, {"a": nested(64)}
    assert parse(AddMessage, {"content": "x", "metadata": just}, LIMITS).metadata == just
    assert paths(AddMessage, {"content": "x", "metadata": beyond}) == ["metadata"]
    assert paths(CreateConversation, {"type": "chat", "metadata": beyond}) == ["metadata"]


MANY = {f"f{n}": 1 for n in range(100_000)}


@pytest.mark.parametrize(
    ("model", "fields", "listed", "detail"),
    [
        (AddMessage, MANY, 1, "has 100000 fields, more than any request takes"),
        (CreateConversation, {"members": [MANY]}, 1, "members.0: has 100000 fields"),
        (CreateConversation, {"members": [1] * 101}, 1, "members: must list at most 100 members"),
        (CreateConversation, {"members": [1] * 20}, 20, "members.0: "),
        (CreateConversation, {"members": [1] * 21}, 1, "21 things are wrong"),
    ],
    ids=["fields", "fields-of-a-member", "members", "20-errors", "21-errors"],
)
def test_fields_items_and_errors_are_counted_before_they_are_listed(model, fields, listed, detail):
    with pytest.raises(InvalidRequest) as refused:
        parse(model, fields | ({"type": "chat"} if model is CreateConversation else {}), LIMITS)
    assert len(refused.value.errors) == listed
    assert detail in refused.value.detail


def test_every_bad_field_is_named_at_once_by_a_path_of_bounded_length():
    assert paths(AddMessage, {"content": "", "role": "x", "y" * 60_000: 1}) == ["content", "role", "y" * 200]


def test_limits_are_exact():
    odd = "\x01\u2028\uffff\u202e\U0001f600 \x7f"
    for content in (odd, "é" * 16_384):
        assert parse(AddMessage, {"content": content}, LIMITS).content == content
    assert parse(CreateConversation, {"type": "chat", "title": "😀" * 200}, LIMITS).title
    just = {"a": "b" * (4_096 - len('{"a":""}'))}
    assert parse(AddMessage, {"content": "x", "metadata": just}, LIMITS).metadata == just
    many = {"type": "chat", "members": [{"userId": str(n)} for n in range(150)]}
    assert len(parse(CreateConversation, many, Limits(max_members=0)).members) == 150  # 0 is no limit


@pytest.mark.parametrize(
    ("members", "listed"),
    [
        (["bob", "alice", "bob"], ["members.1.userId", "members.2.userId"]),
        (["bob"] * 50, [""]),
    ],
)
def test_members_are_neither_the_owner_nor_listed_twice(members, listed):
    fields = {"type": "chat", "members": [{"userId": uid} for uid in members]}
    with pytest.raises(InvalidRequest) as refused:
        parse(CreateConversation, fields, LIMITS).members_beside("alice")
    assert [error.path for error in refused.value.errors] == listed


def test_a_page_has_50_messages_or_the_limit():
    assert parse(GetConversation, {}, LIMITS).limit == 50
    assert parse(GetConversation, {}, Limits(max_page=20)).limit == 20
    assert parse(GetConversation, {"limit": "200"}, LIMITS).limit == 200


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":"\\ud800"}',
        b'"\xff"',
        b"[" * 5_000,
        b"{'a':1}",
        b"{}{}",
        b"1" * 5_000,
    ],
)
def test_only_json_is_json(text):
    with pytest.raises(InvalidRequest):
        parse_json(text)


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_json_keeps_big_numbers_and_nulls(mark):
    value = {"big": 10**30, "nothing": None, "deep": [{"a": [1.5]}, {"a": {"deep": 1}}]}
    assert parse_json((mark + json.dumps(value)).encode()) == value


@pytest.mark.parametrize("text", [b'{"a":1,"b":2,"a":1}', b'{"b":[{"a":{},"\\u0061":{}}]}'])
def test_a_name_that_an_object_has_twice_is_refused_since_one_would_be_lost(text):
    with pytest.raises(InvalidRequest) as refused:
        parse_json(text)
    assert refused.value.errors == (FieldError("a", "is given more than once"),)


@pytest.mark.parametrize(
    ("metadata", "same"),
    [({"b": 2, "a": [1]}, True), ({"a": [True], "b": 2}, False), ({"a": [1], "b": "2"}, False), ({}, False)],
)
def test_a_repeated_body_is_compared_as_json(metadata, same):
    first = parse(AddMessage, {"content": "x", "metadata": {"a": [1], "b": 2}}, LIMITS).draft(
        "c1", principal()
    )
    again = parse(AddMessage, {"content": "x", "metadata": metadata}, LIMITS).draft("c1", principal())
    assert (again.body == first.numbered(1, 1, NOW).body) is same
