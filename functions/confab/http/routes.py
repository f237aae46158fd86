"""The one table of routes. Hosting rewrites, functions.yaml and the specifications follow it."""

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

from confab.conversations import Conversations
from confab.http import handlers
from confab.http.handlers import Answer, Call

Method = Literal["GET", "POST"]


@dataclass(frozen=True, slots=True)
class Route:
    """One REST operation. The function that is deployed for it has the name of its handler."""

    handler: Callable[[Call, Conversations], Awaitable[Answer]]
    method: Method
    path: str
    """The path, with `{id}` for a conversation's id."""
    summary: str
    body: bool = False
    """Whether the request has fields in a JSON body; otherwise they are in the query string."""
    announces: bool = False
    """Whether it announces an entry."""

    @property
    def operation(self) -> str:
        """The name of the operation, of its handler and of its function."""
        return self.handler.__name__

    def match(self, path: str) -> str | None:
        """The conversation id in `path`, "" where the route has none, None if it is another path."""
        found = _pattern(self.path).fullmatch(path)
        return None if found is None else found.groupdict().get("id", "")


@cache
def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.escape(path).replace(r"\{id\}", "(?P<id>[^/]+)"))


_ALL = "/api/conversations"
_ONE = f"{_ALL}/{{id}}"
ROUTES = (
    Route(handlers.create_conversation, "POST", _ALL, "Start a conversation", body=True),
    Route(handlers.list_conversations, "GET", _ALL, "List the caller's conversations"),
    Route(handlers.get_conversation, "GET", _ONE, "Read a conversation and its messages"),
    Route(handlers.add_message, "POST", f"{_ONE}/messages", "Write a message", body=True, announces=True),
    Route(
        handlers.finalize_conversation,
        "POST",
        f"{_ONE}/finalize",
        "Close a conversation permanently",
        body=True,
        announces=True,
    ),
)

DISPATCHER = "conversations"
"""Hosting rewrites by path alone, so this function serves the operations that share one."""


def functions() -> Mapping[str, tuple[Route, ...]]:
    """Every deployable function and the routes that it serves."""
    alone = {route.operation: (route,) for route in ROUTES}
    return alone | {DISPATCHER: tuple(route for route in ROUTES if _shares_path(route))}


def rewrites() -> Iterator[tuple[str, str]]:
    """Each path of the API as a Hosting glob, and its function; the last one takes the rest."""
    for route in ROUTES:
        if not _shares_path(route):
            yield route.path.replace("{id}", "*"), route.operation
    yield "/api/**", DISPATCHER


def _shares_path(route: Route) -> bool:
    return any(other.path == route.path and other is not route for other in ROUTES)
