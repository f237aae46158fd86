"""Whether what was deployed answers, seen from outside and without an account.

Nobody's token is sent, so the right answer is a refusal in Confab's own words: it proves the way
through Hosting to each function, and through Cloud Run to a container that has its keys.
"""

import json
import time
from collections.abc import Callable, Sequence
from functools import partial
from urllib.parse import urlsplit

import httpx
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from confab.operations.routes import ROUTES, Route

ANSWER_S = 30.0
"""For one answer: an instance may have to start for it."""
PATIENCE_S = 180.0
"""Until something new is known everywhere."""
PAUSE_S = 3.0

_NOBODY = "nobody"


class NotYet(Exception):
    """The answer is not the right one; the message says what it is."""


def rest_refuses(site: str, route: Route) -> None:
    """Return if the operation answers that the caller is unknown. Raises NotYet."""
    url = site + route.path.replace("{id}", "smoke")
    try:
        answer = httpx.request(
            route.method, url, json={} if route.body else None, timeout=ANSWER_S, follow_redirects=False
        )
    except httpx.HTTPError as error:
        raise NotYet(f"{type(error).__name__}: {error}") from error
    try:
        code = answer.json()["code"]
    except (ValueError, TypeError, KeyError):
        code = "no problem object"
    if (answer.status_code, code) != (httpx.codes.UNAUTHORIZED, "unauthenticated"):
        raise NotYet(f"{answer.status_code} {code}")


def page_is_there(site: str) -> None:
    """Return if the page is. Raises NotYet."""
    try:
        answer = httpx.get(f"{site}/", timeout=ANSWER_S)
    except httpx.HTTPError as error:
        raise NotYet(f"{type(error).__name__}: {error}") from error
    if answer.status_code != httpx.codes.OK or "text/html" not in answer.headers.get("Content-Type", ""):
        raise NotYet(str(answer.status_code))


def page_knows_its_project(site: str) -> None:
    """Return if Hosting tells the page how to sign people in. Raises NotYet."""
    try:
        known = httpx.get(f"{site}/__/firebase/init.json", timeout=ANSWER_S).json()
    except (httpx.HTTPError, ValueError) as error:
        raise NotYet("no configuration; register a web app of the project") from error
    if not isinstance(known, dict) or not known.get("apiKey"):
        raise NotYet("no API key in it; register a web app of the project")


def socket_refuses(realtime: str) -> None:
    """Return if a socket opens and its handshake is refused for its token. Raises NotYet.

    Cloud Run keeps paths like /healthz to itself, so they are no use from outside.
    """
    parts = urlsplit(realtime)
    scheme = "wss" if parts.scheme == "https" else "ws"
    try:
        with connect(
            f"{scheme}://{parts.netloc}/socket.io/?EIO=4&transport=websocket",
            open_timeout=ANSWER_S,
            close_timeout=1,
        ) as socket:
            socket.recv(ANSWER_S)
            socket.send(f"40{json.dumps({'token': _NOBODY})}")
            answer = str(socket.recv(ANSWER_S))
    except (OSError, TimeoutError, WebSocketException) as error:
        raise NotYet(f"{type(error).__name__}: {error}") from error
    if not answer.startswith("44") or '"unauthenticated"' not in answer:
        raise NotYet(answer[:200])


def smoke(site: str, realtime_urls: Sequence[str], *, patience_s: float = PATIENCE_S) -> bool:
    """Try everything until it is right or patience ends; prints a line for each. Whether all is well."""
    probes: list[tuple[str, Callable[[], None]]] = [
        (f"GET {site}/", partial(page_is_there, site)),
        (f"GET {site}/__/firebase/init.json", partial(page_knows_its_project, site)),
        *((f"{route.method} {site}{route.path}", partial(rest_refuses, site, route)) for route in ROUTES),
        *((f"socket {url}", partial(socket_refuses, url)) for url in realtime_urls),
    ]
    deadline = time.monotonic() + patience_s
    answers = [
        _succeeds(name, probe, deadline) for name, probe in probes
    ]  # each is tried, whatever the others
    return all(answers)


def _succeeds(name: str, probe: Callable[[], None], deadline: float) -> bool:
    while True:
        try:
            probe()
        except NotYet as error:
            if time.monotonic() + PAUSE_S >= deadline:
                print(f"WRONG    {name}: {error}")
                return False
            time.sleep(PAUSE_S)
        else:
            print(f"ok       {name}")
            return True
