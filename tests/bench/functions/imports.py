"""What a cold start imports: how many modules, and whose take the most time."""

import re
import tempfile
from collections import Counter
from dataclasses import dataclass

from tests.bench.functions.client import Connection
from tests.bench.functions.server import served
from tests.bench.functions.site import Site

_LINE = re.compile(r"import time: +(\d+) \| +\d+ \| +([\w.]+)")


@dataclass(frozen=True)
class Imports:
    """The imports of one cold start, up to its first answer."""

    modules: int
    ms: Counter[str]
    """Milliseconds by package, its modules' own time. Measuring makes them longer than they are."""


async def imports_of(site: Site, target: str) -> Imports:
    """Start a function that notes its imports, and let it answer once."""
    request = await site.request(target)
    env = {**site.env, "PYTHONPROFILEIMPORTTIME": "1"}
    with tempfile.TemporaryFile("w+") as said:
        async with served(site.deployment, target, env, errors=said.fileno()) as server:
            connection = await Connection.patient(server.port)
            await connection.ask(request)
            await connection.close()
        said.seek(0)
        return _read(said.read())


def _read(profile: str) -> Imports:
    found = [(int(match[1]), match[2]) for match in map(_LINE.match, profile.splitlines()) if match]
    ms: Counter[str] = Counter()
    for microseconds, module in found:
        ms[_package(module)] += microseconds
    return Imports(len(found), Counter({name: round(each / 1000) for name, each in ms.items()}))


def _package(module: str) -> str:
    """The package that a reader knows a module by."""
    parts = module.split(".")
    return ".".join(parts[:2]) if parts[0] == "google" else parts[0]
