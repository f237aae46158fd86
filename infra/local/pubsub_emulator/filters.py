"""Subscription filters: which messages of its topic a subscription gets, by their attributes.

    expression = term { "AND" term } | term { "OR" term }
    term       = [ "NOT" | "-" ] ( "(" expression ")" | condition )
    condition  = "attributes" ":" key
               | "attributes" "." key ( "=" | "!=" ) string
               | "hasPrefix" "(" "attributes" "." key "," string ")"

As in the service, AND and OR do not mix without parentheses.
"""

import json
import re
from collections.abc import Callable, Mapping

from infra.local.pubsub_emulator.errors import InvalidArgument

Filter = Callable[[Mapping[str, str]], bool]
MAX_BYTES = 256
_TOKEN = re.compile(r'\s*(?:(?P<string>"(?:[^"\\]|\\.)*")|(?P<op>!=|[=:.,()-])|(?P<word>[A-Za-z_]\w*))')
_RESERVED = frozenset({"AND", "OR", "NOT"})


def parse_filter(text: str) -> Filter:
    """The predicate that a filter means; the empty one lets everything through.

    Raises InvalidArgument for what is not a filter.
    """
    if len(text.encode()) > MAX_BYTES:
        raise InvalidArgument(f"A filter has at most {MAX_BYTES} bytes.")
    if not text.strip():
        return lambda _: True
    parser = _Parser(text)
    wanted = parser.expression()
    parser.end()
    return wanted


def _tokens(text: str) -> list[str]:
    tokens: list[str] = []
    at = 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise InvalidArgument(f"The filter is not valid at character {at}.")
        tokens.append(match.group().strip())
        at = match.end()
    return tokens


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)[::-1]

    def expression(self) -> Filter:
        terms = [self._term()]
        joint = self._peek()
        if joint not in {"AND", "OR"}:
            return terms[0]
        while self._accept(joint):
            terms.append(self._term())
        combine = all if joint == "AND" else any
        return lambda attributes: combine(term(attributes) for term in terms)

    def end(self) -> None:
        if self._tokens:
            raise InvalidArgument(f"The filter has something unexpected: {self._peek()}")

    def _term(self) -> Filter:
        if self._accept("NOT") or self._accept("-"):
            negated = self._term()
            return lambda attributes: not negated(attributes)
        if self._accept("("):
            inner = self.expression()
            self._expect(")")
            return inner
        if self._accept("hasPrefix"):
            return self._has_prefix()
        return self._condition()

    def _has_prefix(self) -> Filter:
        self._expect("(")
        self._expect("attributes")
        self._expect(".")
        key = self._key()
        self._expect(",")
        prefix = self._string()
        self._expect(")")
        return lambda attributes: attributes.get(key, "").startswith(prefix) and key in attributes

    def _condition(self) -> Filter:
        self._expect("attributes")
        if self._accept(":"):
            key = self._key()
            return lambda attributes: key in attributes
        self._expect(".")
        key = self._key()
        if self._accept("!="):
            other = self._string()
            return lambda attributes: attributes.get(key) != other
        self._expect("=")
        value = self._string()
        return lambda attributes: attributes.get(key) == value

    def _key(self) -> str:
        token = self._peek()
        if token.startswith('"'):
            return self._string()
        if not token.isidentifier() or token in _RESERVED:
            raise InvalidArgument("The filter lacks an attribute's key.")
        return self._tokens.pop()

    def _string(self) -> str:
        if not self._peek().startswith('"'):
            raise InvalidArgument("The filter lacks a string in double quotes.")
        try:
            return str(json.loads(self._tokens.pop()))
        except ValueError:
            raise InvalidArgument("The filter has a string that is not valid.") from None

    def _peek(self) -> str:
        return self._tokens[-1] if self._tokens else ""

    def _accept(self, token: str) -> bool:
        if self._peek() != token:
            return False
        self._tokens.pop()
        return True

    def _expect(self, token: str) -> None:
        if not self._accept(token):
            raise InvalidArgument(f"The filter lacks {token!r} before {self._peek()!r}.")
