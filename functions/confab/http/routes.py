"""The one table of routes. Hosting rewrites, functions.yaml and the specifications follow it."""

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

from confab.http import handlers
from confab.http.handlers import Answer, Call

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


@dataclass(frozen=True, slots=True)
class Route:
    """One REST operation. The function that is deployed for it has the name of its handler."""

    handler: Callable[[Call], Awaitable[Answer]]
    method: Method
    path: str
    """The path, with a parameter's name in braces: `{id}` is a conversation's id."""
    summary: str
    body: bool = False
    """Whether the request has fields in a JSON body; otherwise they are in the query string."""
    announces: bool = False
    """Whether it announces an entry."""

    @property
    def operation(self) -> str:
        """The name of the operation, of its handler and of its function."""
        return self.handler.__name__

    def match(self, path: str) -> Mapping[str, str] | None:
        """The parameters in a path, percent-encoded as it is; None if it is another path."""
        found = _pattern(self.path).fullmatch(path)
        return None if found is None else found.groupdict()


_PARAMETER = re.compile(r"\{(\w+)\}")


@cache
def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(_PARAMETER.sub(r"(?P<\1>[^/]+)", path))


_ALL = "/api/conversations"
_ONE = f"{_ALL}/{{id}}"
_MESSAGE = f"{_ONE}/messages/{{seq}}"
_MEMBER = f"{_ONE}/members/{{userId}}"
ROUTES = (
    Route(handlers.create_conversation, "POST", _ALL, "Start a conversation", body=True),
    Route(handlers.list_conversations, "GET", _ALL, "List the caller's conversations"),
    Route(handlers.get_conversation, "GET", _ONE, "Read a conversation and its messages"),
    Route(
        handlers.update_conversation,
        "PATCH",
        _ONE,
        "Change title, metadata or owner",
        body=True,
        announces=True,
    ),
    Route(handlers.delete_conversation, "DELETE", _ONE, "Delete a conversation", announces=True),
    Route(handlers.add_message, "POST", f"{_ONE}/messages", "Write a message", body=True, announces=True),
    Route(handlers.edit_message, "PATCH", _MESSAGE, "Edit a message", body=True, announces=True),
    Route(handlers.delete_message, "DELETE", _MESSAGE, "Delete a message", announces=True),
    Route(
        handlers.set_member, "PUT", _MEMBER, "Add a member or change their access", body=True, announces=True
    ),
    Route(handlers.remove_member, "DELETE", _MEMBER, "Remove a member, or leave", announces=True),
    Route(handlers.read_log, "GET", f"{_ONE}/log", "Read the log in all its kinds"),
    Route(
        handlers.finalize_conversation,
        "POST",
        f"{_ONE}/finalize",
        "Close a conversation permanently",
        body=True,
        announces=True,
    ),
    Route(handlers.erase_me, "DELETE", "/api/me", "Erase the caller", announces=True),
)


EXPIRY = "expire_conversations"
"""A function without a route: only Cloud Scheduler may invoke it."""


def functions() -> Mapping[str, tuple[Route, ...]]:
    """Every deployable function and the routes that it serves.

    Hosting rewrites by path alone, so the operations that share a path have a function together, too,
    which has the name of the resource at that path.
    """
    alone = {route.operation: (route,) for route in ROUTES}
    return alone | {
        _resource(path): tuple(route for route in ROUTES if route.path == path)
        for path in dict.fromkeys(route.path for route in ROUTES if _shares_path(route))
    }


def rewrites() -> Iterator[tuple[str, str]]:
    """Each path of the API as a Hosting glob, and its function; the last one takes the rest."""
    for path in dict.fromkeys(route.path for route in ROUTES if route.path != _ALL):
        (first, *others) = (route for route in ROUTES if route.path == path)
        yield _PARAMETER.sub("*", path), _resource(path) if others else first.operation
    yield "/api/**", _resource(_ALL)


def _shares_path(route: Route) -> bool:
    return any(other.path == route.path and other is not route for other in ROUTES)


def _resource(path: str) -> str:
    """What is at a path: `conversations` at `/api/conversations`, a `conversation` at what follows."""
    name = _PARAMETER.sub("", path).rstrip("/").rpartition("/")[2]
    return name.removesuffix("s") if path.endswith("}") else name
