"""Starts the processes of the functions that Hosting calls: `python -m infra.local.warm URL`.

The emulator starts each of the others with its first request. Imports no package, which would delay `ready`.
"""

import json
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from http.client import HTTPConnection
from urllib.parse import urlsplit

from infra.local.data import ROOT

_CONCURRENT = 2  # each start occupies a core
_DEADLINE_S = 60.0


def called() -> Iterable[str]:
    """The functions that Hosting calls."""
    hosting = json.loads((ROOT / "firebase.json").read_text())["hosting"]
    return [rewrite["function"]["functionId"] for rewrite in hosting["rewrites"]]


def warm(base: str) -> None:
    """Send a preflight to each of these functions at `base`. Raises OSError if one fails."""
    at = urlsplit(base)

    def preflight(name: str) -> None:
        connection = HTTPConnection(at.netloc, timeout=_DEADLINE_S)
        connection.request("OPTIONS", f"{at.path}/{name}")
        status = connection.getresponse().status
        connection.close()
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise ConnectionError(f"{name} responds {status}")

    with ThreadPoolExecutor(_CONCURRENT) as pool:
        list(pool.map(preflight, called()))


if __name__ == "__main__":
    warm(sys.argv[1])
