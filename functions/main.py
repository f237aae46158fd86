"""The deployable index: a function's name is its entry point, imported when it is asked for."""

from collections.abc import Callable
from typing import Any

from confab.operations.routes import functions


def __getattr__(name: str) -> Callable[..., Any]:
    if name not in functions():
        raise AttributeError(name)
    from confab.operations.function import function  # noqa: PLC0415 - discovery needs only the names

    handler = function(name)
    globals()[name] = handler
    return handler


def __dir__() -> list[str]:
    return sorted(functions())
