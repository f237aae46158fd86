"""The one table of routes. Hosting rewrites, functions.yaml and the specifications follow it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

Method = Literal["GET", "POST"]


@dataclass(frozen=True, slots=True)
class Route:
    """One REST operation, and the function of the same name that serves it."""

    operation: str
    method: Method
    path: str
    """The path with `{id}` where a conversation's id stands."""
    summary: str
    body: bool = False
    """Whether the request has fields in a JSON body; otherwise they are in the query string."""
    announces: bool = False
    """Whether the room is told of what it stores."""

    def match(self, path: str) -> str | None:
        """The conversation id in `path`, "" where the route has none, None if it is another path."""
        found = _pattern(self.path).fullmatch(path)
        return None if found is None else found.groupdict().get("id", "")


@cache
def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.escape(path).replace(r"\{id\}", "(?P<id>[^/]+)"))


ROUTES = (
    Route("create_conversation", "POST", "/api/conversations", "Start a conversation", body=True),
    Route("list_conversations", "GET", "/api/conversations", "List the caller's conversations"),
    Route("get_conversation", "GET", "/api/conversations/{id}", "Read a conversation and its messages"),
    Route(
        "add_message",
        "POST",
        "/api/conversations/{id}/messages",
        "Write a message",
        body=True,
        announces=True,
    ),
    Route(
        "finalize_conversation",
        "POST",
        "/api/conversations/{id}/finalize",
        "Close a conversation for good",
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
    """Each path of the API as a Hosting glob, and the function behind it; the last takes the rest."""
    for route in ROUTES:
        if not _shares_path(route):
            yield route.path.replace("{id}", "*"), route.operation
    yield "/api/**", DISPATCHER


def _shares_path(route: Route) -> bool:
    return any(other.path == route.path and other is not route for other in ROUTES)
