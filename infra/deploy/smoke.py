"""Whether what was deployed answers, seen from outside and without an account.

Nobody's token is sent, so an operation's right answer is a refusal in Confab's own words: it proves
the way through Hosting to each function. That store, keys and bus can be used, each cell's container
says itself, at /ready.
"""

import json
import time
from collections.abc import Callable
from functools import partial
from urllib.parse import urlsplit

import httpx
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from confab.http.routes import ROUTES, Route
from infra.deploy.stack import Outputs

ANSWER_S = 30.0
"""For one answer: an instance may have to start for it."""
PATIENCE_S = 180.0
"""Until something new is known everywhere."""
PAUSE_S = 3.0

SIGN_IN = "https://identitytoolkit.googleapis.com"
"""Where the page signs people in."""

_NOBODY = "nobody"
_UNKNOWN = ("INVALID_LOGIN_CREDENTIALS", "EMAIL_NOT_FOUND", "INVALID_PASSWORD", "TOO_MANY_ATTEMPTS_TRY_LATER")
"""What Firebase Auth says of somebody whom it does not know, if it would let others in."""


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


def page_knows_its_project(site: str) -> str:
    """The API key that Hosting tells the page to sign people in with. Raises NotYet."""
    try:
        known = httpx.get(f"{site}/__/firebase/init.json", timeout=ANSWER_S).json()
    except (httpx.HTTPError, ValueError) as error:
        raise NotYet("no configuration; register a web app of the project") from error
    if not isinstance(known, dict) or not known.get("apiKey"):
        raise NotYet("no API key in it; register a web app of the project")
    return str(known["apiKey"])


def people_can_sign_in(site: str) -> None:
    """Return if Firebase Auth takes e-mail and password, as the page does. Raises NotYet."""
    key = page_knows_its_project(site)
    try:
        answer = httpx.post(
            f"{SIGN_IN}/v1/accounts:signInWithPassword",
            params={"key": key},
            json={"email": "nobody@example.com", "password": _NOBODY},
            headers={"Referer": f"{site}/"},
            timeout=ANSWER_S,
        )
        said = str(answer.json()["error"]["message"])
    except (httpx.HTTPError, ValueError, TypeError, KeyError) as error:
        raise NotYet(f"{type(error).__name__}: {error}") from error
    if not said.startswith(_UNKNOWN):
        raise NotYet(f"{said}; switch on Authentication with Email/Password in the Firebase console")


def container_is_ready(realtime: str) -> None:
    """Return if a container has what it needs. Raises NotYet with what it says is missing.

    Not /readyz: Cloud Run keeps paths that end in z to itself.
    """
    try:
        answer = httpx.get(f"{realtime}/ready", timeout=ANSWER_S)
    except httpx.HTTPError as error:
        raise NotYet(f"{type(error).__name__}: {error}") from error
    if answer.status_code != httpx.codes.OK:
        raise NotYet(f"{answer.status_code} {answer.text[:200]}")


def socket_refuses(realtime: str) -> None:
    """Return if a socket opens and its handshake is refused for its token. Raises NotYet."""
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


def smoke(outputs: Outputs, *, patience_s: float = PATIENCE_S) -> bool:
    """Try everything until it is right or patience ends; prints a line for each. Whether all is well."""
    site = outputs.web_url
    probes: list[tuple[str, Callable[[], object]]] = [
        (f"GET {site}/", partial(page_is_there, site)),
        (f"GET {site}/__/firebase/init.json", partial(page_knows_its_project, site)),
        ("sign-in with e-mail and password", partial(people_can_sign_in, site)),
        *((f"{route.method} {site}{route.path}", partial(rest_refuses, site, route)) for route in ROUTES),
        *((f"GET {url}/ready", partial(container_is_ready, url)) for url in outputs.realtime_urls),
        *((f"socket {url}", partial(socket_refuses, url)) for url in outputs.realtime_urls),
    ]
    deadline = time.monotonic() + patience_s
    answers = [
        _succeeds(name, probe, deadline) for name, probe in probes
    ]  # each is tried, whatever the others
    return all(answers)


def _succeeds(name: str, probe: Callable[[], object], deadline: float) -> bool:
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
