"""Requests that are none, and connections that stop in the middle of one."""

from functools import partial

from tests.hostile.attacks.requests import HANDLED, INSTANCE, Case, table_attack
from tests.hostile.attempt import API, CREATE, Attempt
from tests.hostile.raw import POLLING, WEBSOCKET, http

SOCKETS = "/socket.io/"
HELD_S = 20.0
"""Seconds after which a connection must be closed that does not go on."""
CROWDED = {*HANDLED, 503}
"""An address may have few sockets that are not admitted."""
NOT_OURS = ("silent", "half a header")
"""What a function's server, which is functions-framework's, waits for without end: see docs/guarantees.md."""
QUERIES = (
    "",
    "EIO=4",
    "EIO=99&transport=polling",
    "EIO=4&transport=pigeon",
    "EIO=4&transport=polling&sid=x",
    "EIO=4&transport=websocket&sid=x",
    "EIO=4&transport=polling&j=x",
    "EIO=4&transport=polling&t=%00",
)
"""What Engine.IO does not take."""
CHUNKED = {"Transfer-Encoding": "chunked"}
KEPT = {"Connection": "keep-alive"}
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}


def not_http(path: str) -> dict[str, bytes]:
    """Requests that break a rule of HTTP, or a limit."""
    return {
        "long query": http("GET", f"{path}?a={'a' * 9_000}"),
        "bad method": http("F{}O", path),
        "bad chunk": http("POST", path, CHUNKED, b"zz\r\nabc\r\n0\r\n\r\n"),
        "NUL in a header": http("GET", path, {"X-A": "a\0b"}),
        "length and chunks": http("POST", path, CHUNKED | {"Content-Length": "3"}, b"0\r\n\r\n"),
        "two lengths": http("POST", path, {"Content-Length": "3", "content-length": "4"}, b"abcd"),
        "long header": http("GET", path, {"X-A": "a" * 20_000}),
        "many headers": http("GET", path, {f"X-{n}": "1" for n in range(2_000)}),
        "odd version": http("GET", path).replace(b"HTTP/1.1", b"HTTP/9.9"),
        "no version": f"GET {path}\r\n\r\n".encode(),
        "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20 + b"\r\n\r\n",
        "no path": http("GET", "*"),
        "bad upgrade": http("GET", path, {"Upgrade": "websocket", "Sec-WebSocket-Version": "99"}),
        "bad length": http("POST", path, {"Content-Length": "-1"}),
        "%00 and %ff": http("GET", f"{path}%00%ff?%00=%ff"),
    }


def not_engine_io() -> dict[str, bytes]:
    """Requests that break a rule of Engine.IO."""
    foreign = http("GET", POLLING, {"Origin": "http://evil.example"})
    return {f"?{query}": http("GET", f"{SOCKETS}?{query}") for query in QUERIES} | {"foreign origin": foreign}


def not_ours() -> dict[str, bytes]:
    """Methods and paths that reach a function where no Hosting stands before it."""
    methods = ("TRACE", "PROPFIND", "HEAD", "CONNECT", "PATCH")
    paths = ("/robots.txt", "/favicon.ico", f"{API}%0a", "//", "/.env")
    return {method: http(method, API) for method in methods} | {path: http("GET", path) for path in paths}


def malformed(attempt: Attempt, *, to: str) -> list[Case]:
    sent = not_http(SOCKETS) | not_engine_io() if to == INSTANCE else not_http(API) | not_ours()
    return [Case(name, to, raw=raw) for name, raw in sent.items()] * attempt.count(5, 1)


def idle(attempt: Attempt, *, to: str) -> list[Case]:
    """Many connections of each kind that send this much, and no more."""
    path, websocket = ("/healthz", WEBSOCKET) if to == INSTANCE else (API, API)
    sent = {
        "silent": b"",
        "half a header": f"GET {path} HTTP/1.1\r\nHost: x\r\nX-".encode(),
        "kept alive": http("GET", path, KEPT),
        "WebSocket": http("GET", websocket, UPGRADE),
    }
    never = NOT_OURS if to != INSTANCE else ()
    cases = [Case(kind, to, raw=raw, closes=kind not in never, allowed=CROWDED) for kind, raw in sent.items()]
    half = Case("half a body", to, b"4", headers=KEPT | {"Content-Length": "100"}, closes=True)
    return [*cases, half] * attempt.count(50, 5)


ATTACKS = [
    attack
    for to, where in ((INSTANCE, "instance"), (CREATE, "function"))
    for attack in (
        table_attack(f"malformed-{where}", partial(malformed, to=to), within_s=4.0, most_s=180),
        table_attack(f"idle-{where}", partial(idle, to=to), at_a_time=250, within_s=HELD_S),
    )
]
