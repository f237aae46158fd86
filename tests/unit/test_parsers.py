"""Bytes from outside: good ones with some changed or cut out, and any. See tests/fuzz/parsers.py."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.parsers import PARSERS

PIECES = rb""" " { [ ] } , : -1 1e999 1.0 null %2f %ff \ud800 \u0000 = & agent: [[[[[[[[ """.split()
PIECES += [b"", b"\0", b"\xff", b"\n", b"\xef\xbb\xbf", b"9" * 20, b"[" * 300]
changes = st.lists(
    st.tuples(
        st.integers(0, 400), st.sampled_from((0, 0, 1, 1, 9)), st.sampled_from(PIECES) | st.binary(max_size=8)
    ),
    max_size=4,
)


def changed(data: bytes, where: list[tuple[int, int, bytes]]) -> bytes:
    for start, length, piece in where:
        at = start % (len(data) + 1)
        data = data[:at] + piece + data[at + length :]
    return data


@pytest.mark.parametrize("name", PARSERS)
def test_what_a_parser_refuses_is_refused_properly_and_what_it_takes_is_the_same_again(name, monkeypatch):
    monkeypatch.setenv("FIREBASE_AUTH_EMULATOR_HOST", "127.0.0.1:9")  # takes unsigned tokens
    parser = PARSERS[name]

    @given(st.builds(changed, st.sampled_from(parser.samples), changes) | st.binary(max_size=64))
    def parse(data: bytes) -> None:
        parser(data)

    parse()
