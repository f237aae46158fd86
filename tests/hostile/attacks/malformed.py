"""Requests that are none: answered, and not worth an alarm."""

from functools import partial

from tests.hostile.attacks.attack import Attack
from tests.hostile.attempt import Attempt
from tests.hostile.raw_http import exchange

ANSWER_S = 4.0
SOCKETS = "/socket.io/"
API = "/api/conversations"


def requests(path: str) -> dict[str, bytes]:
    """Each by its name."""

    def get(
        target: str, *headers: str, method: str = "GET", version: str = "HTTP/1.1", body: str = ""
    ) -> bytes:
        lines = [f"{method} {target} {version}", "Host: x", "Connection: close", *headers]
        return ("\r\n".join(lines) + "\r\n\r\n" + body).encode("latin-1")

    chunks = "Transfer-Encoding: chunked"
    return {
        "long query": get(f"{path}?a={'a' * 9_000}"),
        "bad method": get(path, method="F{}O"),
        "bad chunk": get(path, chunks, method="POST", body="zz\r\nabc\r\n0\r\n\r\n"),
        "NUL in a header": get(path, "X-A: a\0b"),
        "length and chunks": get(path, chunks, "Content-Length: 3", method="POST", body="0\r\n\r\n"),
        "two lengths": get(path, "Content-Length: 3", "Content-Length: 4", method="POST", body="abcd"),
        "long header": get(path, f"X-A: {'a' * 20_000}"),
        "many headers": get(path, *(f"X-{n}: 1" for n in range(2_000))),
        "odd version": get(path, version="HTTP/9.9"),
        "no version": f"GET {path}\r\n\r\n".encode(),
        "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20 + b"\r\n\r\n",
        "no path": get("*"),
        "bad upgrade": get(path, "Upgrade: websocket", "Sec-WebSocket-Version: 99"),
        "bad length": get(path, "Content-Length: -1", method="POST"),
        "%00 and %ff": get(f"{path}%00%ff?%00=%ff"),
    }


def engine_requests() -> dict[str, bytes]:
    """What Engine.IO does not take."""
    queries = (
        "",
        "EIO=4",
        "EIO=99&transport=polling",
        "EIO=4&transport=pigeon",
        "EIO=4&transport=polling&sid=x",
        "EIO=4&transport=websocket&sid=x",
        "EIO=4&transport=polling&j=x",
        "EIO=4&transport=polling&t=%00",
    )
    head = "HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    made = {f"?{query}": f"GET {SOCKETS}?{query} {head}\r\n".encode() for query in queries}
    made["foreign origin"] = (
        f"GET {SOCKETS}?EIO=4&transport=polling {head}Origin: http://evil.example\r\n\r\n".encode()
    )
    return made


async def malformed(attempt: Attempt, *, function: str | None = None) -> None:
    """Send each some times."""
    sent = requests(API) if function else requests(SOCKETS) | engine_requests()
    address = attempt.target.functions[function] if function else attempt.instance
    times = attempt.count(5, 1)
    attempt.outcome.sent = f"{len(sent)} malformed requests, {times} times"
    await attempt.begin()
    for name, request in sent.items():
        for _ in range(times):
            answer = await exchange(address, request, ANSWER_S)
            attempt.saw(answer)
            if answer.status >= 500:
                attempt.fail(f"{name} was answered {answer.said}")
    attempt.note("statuses", attempt.outcome.answers)


ATTACKS = (
    Attack("malformed-instance", 1, malformed, most_s=180, quiet_logs=True),
    Attack(
        "malformed-function",
        1,
        partial(malformed, function="create_conversation"),
        most_s=180,
        quiet_logs=True,
    ),
)
