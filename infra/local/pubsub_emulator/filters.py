"""Subscription filters of the two forms that Confab uses."""

import re
from collections.abc import Callable, Mapping

from infra.local.pubsub_emulator.errors import invalid

Filter = Callable[[Mapping[str, str]], bool]
MAX_BYTES = 256
_FORM = re.compile(r'(NOT )?attributes\.([A-Za-z_]\w*) = "([^"\\]*)"', re.ASCII)


def parse_filter(text: str) -> Filter:
    """The predicate of `attributes.KEY = "VALUE"` or `NOT attributes.KEY = "VALUE"`; "" matches everything.

    Raises INVALID_ARGUMENT for any other filter.
    """
    if not text:
        return lambda _: True
    match = _FORM.fullmatch(text)
    if match is None or len(text.encode()) > MAX_BYTES:
        raise invalid(f'This emulator supports [NOT] attributes.KEY = "VALUE" in {MAX_BYTES} bytes.')
    negated, key, value = match.groups()
    return lambda attributes: (attributes.get(key) == value) is (negated is None)
