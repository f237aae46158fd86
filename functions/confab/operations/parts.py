"""Packages of which a function uses a part; what it does not use, it does not import.

`import surrealdb` brings every kind of connection along, and with them aiohttp: 150 ms of a cold
start, for a socket that needs none of it. Python runs a package's `__init__` ahead of any of its
modules; here the package stands without it until somebody asks for a name that is not listed.
"""

import importlib
import importlib.util
import sys
from types import ModuleType
from typing import Any

PARTS = {
    "surrealdb": {
        "AsyncWsSurrealConnection": "surrealdb.connections.async_ws",
        "RecordID": "surrealdb.data.types.record_id",
    },
}
"""The names that Confab imports from each package, and the modules that define them."""


class _Package(ModuleType):
    """A package that finds the listed names in their modules, and for any other becomes the whole."""

    def __getattr__(self, name: str) -> Any:
        if name in PARTS[self.__name__]:
            return getattr(importlib.import_module(PARTS[self.__name__][name]), name)
        spec = self.__spec__
        assert spec is not None
        assert spec.loader is not None
        object.__setattr__(self, "__class__", ModuleType)
        spec.loader.exec_module(self)
        return getattr(self, name)


def import_in_part() -> None:
    """Let what is imported from now on import only parts of these packages.

    Changes nothing for a package that is imported already, or is not installed.
    """
    for name in PARTS:
        spec = None if name in sys.modules else importlib.util.find_spec(name)
        if spec is not None:
            package = importlib.util.module_from_spec(spec)
            package.__class__ = _Package
            sys.modules[name] = package
