"""Bytes from outside: good ones with some changed or cut out, and any. See tests/fuzz/parsers.py."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.parsers import PARSERS, PIECES, changed

changes = st.lists(
    st.tuples(
        st.integers(0, 400), st.sampled_from((0, 0, 1, 1, 9)), st.sampled_from(PIECES) | st.binary(max_size=8)
    ),
    max_size=4,
)


@pytest.mark.parametrize("name", PARSERS)
def test_what_a_parser_refuses_is_refused_properly_and_what_it_takes_is_the_same_again(name, monkeypatch):
    monkeypatch.setenv("FIREBASE_AUTH_EMULATOR_HOST", "127.0.0.1:9")  # takes unsigned tokens
    parser = PARSERS[name]

    @given(st.builds(changed, st.sampled_from(parser.samples), changes) | st.binary(max_size=64))
    def parse(data: bytes) -> None:
        parser(data)

    parse()
