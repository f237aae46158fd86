import pytest

from infra.local.pubsub_emulator.errors import InvalidArgument
from infra.local.pubsub_emulator.filters import parse_filter

MESSAGE = {"type": "typing", "conversationId": "c1", "odd key": 'a "quoted" one'}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        'attributes.type = "typing"',
        'attributes.type="typing"',
        "attributes:conversationId",
        'attributes.type != "message.created"',
        'attributes.absent != "x"',
        'hasPrefix(attributes.type, "typ")',
        'NOT attributes.type = "x"',
        "-attributes:absent",
        "NOT NOT attributes:type",
        'attributes:type AND attributes.conversationId = "c1"',
        'attributes:absent OR attributes.type = "typing"',
        'attributes:type AND (attributes:absent OR attributes.type = "typing")',
        "NOT (attributes:absent AND attributes:type)",
        'attributes:"odd key"',
        r'attributes."odd key" = "a \"quoted\" one"',
    ],
)
def test_these_filters_let_the_message_through(text: str) -> None:
    assert parse_filter(text)(MESSAGE)


@pytest.mark.parametrize(
    "text",
    [
        'attributes.type = "other"',
        "attributes:absent",
        'attributes.absent = ""',
        'attributes.type != "typing"',
        'hasPrefix(attributes.type, "message")',
        'hasPrefix(attributes.absent, "")',
        "NOT attributes:type",
        "attributes:type AND attributes:absent",
        "attributes:absent OR attributes:missing",
        "attributes:type AND NOT attributes:conversationId",
    ],
)
def test_these_filters_keep_the_message_out(text: str) -> None:
    assert not parse_filter(text)(MESSAGE)


@pytest.mark.parametrize(
    "text",
    [
        "type",
        "attributes",
        "attributes.",
        "attributes:",
        "attributes:AND",
        "attributes.type",
        "attributes.type = typing",
        "attributes.type = 'typing'",
        'attributes.type = "typing',
        'attributes.type > "typing"',
        r'attributes.type = "\q"',
        "attributes:type attributes:type",
        "attributes:type AND",
        "attributes:a AND attributes:b OR attributes:c",
        "(attributes:type",
        "attributes:type)",
        'hasSuffix(attributes.type, "x")',
        'hasPrefix(attributes.type "x")',
        "data:x",
        "attributes:a OR " * 20 + "attributes:a",
    ],
)
def test_what_is_not_a_filter_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument):
        parse_filter(text)
