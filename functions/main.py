"""The deployable index: a function's name is its entry point, imported when it is asked for."""

import gc
import os
from collections.abc import Callable
from typing import Any

os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # a search through every installed package
gc.set_threshold(20_000, 20, 100)  # imported modules are not garbage: scanning them lengthens a cold start

from confab.http.routes import EXPIRY, functions  # noqa: E402 - pydantic reads the variable when it is imported


def __getattr__(name: str) -> Callable[..., Any]:
    if name not in __dir__():
        raise AttributeError(name)
    from confab.http.function import function  # noqa: PLC0415 - discovery needs only the names

    handler = function(name)
    globals()[name] = handler
    return handler


def __dir__() -> list[str]:
    return sorted((*functions(), EXPIRY))
