import pytest
from grpc import StatusCode

from infra.local.pubsub_emulator.errors import Refused
from infra.local.pubsub_emulator.filters import parse_filter

MESSAGE = {"type": "typing", "origin": "i1"}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("", True),
        ('attributes.type = "typing"', True),
        ('attributes.type = "other"', False),
        ('attributes.absent = ""', False),
        ('NOT attributes.origin = "i2"', True),
        ('NOT attributes.absent = ""', True),
        ('NOT attributes.origin = "i1"', False),
    ],
)
def test_a_filter_compares_one_attribute(text: str, matches: bool) -> None:
    assert parse_filter(text)(MESSAGE) is matches


@pytest.mark.parametrize(
    "text",
    [
        "what?",
        "attributes:type",
        'attributes.type != "typing"',
        'attributes.type = "a" AND attributes.origin = "b"',
        'attributes.type = "a\\"b"',
        'NOT NOT attributes.type = "a"',
        'attributes.type = "typing',
        f'attributes.type = "{"é" * 120}"',
    ],
)
def test_any_other_filter_is_an_invalid_argument(text: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_filter(text)
    assert refused.value.code is StatusCode.INVALID_ARGUMENT
