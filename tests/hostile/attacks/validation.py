"""Requests of which thousands of fields are wrong, and paths that are none of ours."""

import asyncio
import json
from typing import Any

from tests.hostile.attacks.attack import Attack
from tests.hostile.attempt import Attempt
from tests.hostile.raw_http import Answer, ask

MOST_ERRORS = 20
MOST_ANSWER_BYTES = 16_384
USER = "mallory"
BODY_BYTES = (65_430, 262_100)
"""Up to what a body may have, before and since it was raised."""
EVENTS = ("join", "leave", "message", "typing", "auth")


def unknown_fields(size: int) -> bytes:
    """An object with as many unknown keys as fit."""
    return ("{" + ",".join(f'"{number:x}":1' for number in range(size // 9)) + "}").encode()


def wrong_members(size: int) -> bytes:
    """A conversation whose members are numbers."""
    return b'{"type":"chat","members":[' + b",".join([b"1"] * ((size - 30) // 2)) + b"]}"


async def members(attempt: Attempt) -> None:
    """Members that are numbers, once at each size and many at once."""
    parallel = attempt.count(40, 4)
    attempt.outcome.sent = f"members:[1,1,…] of {BODY_BYTES} B, then {parallel} at once"
    await attempt.begin()
    bodies = [wrong_members(size) for size in BODY_BYTES]
    for body in bodies:
        _bounded(attempt, "members", await attempt.rest("create_conversation", "", USER, body))
    many = (attempt.rest("create_conversation", "", USER, bodies[0], within_s=30) for _ in range(parallel))
    for answer in await asyncio.gather(*many):
        _bounded(attempt, "members", answer)


async def unknown(attempt: Attempt) -> None:
    """Keys that nobody knows, in each function's body and query."""
    attempt.outcome.sent = f"unknown keys in bodies of {BODY_BYTES} B, many at once, and 9,000 query fields"
    fields = "&".join(f"{number:x}=1" for number in range(9_000))
    await attempt.begin()
    for size in BODY_BYTES:
        for function, path in (("create_conversation", ""), ("add_message", "/absent/messages")):
            answer = await attempt.rest(function, path, USER, unknown_fields(size), within_s=30)
            _bounded(attempt, function, answer)
    body, parallel = unknown_fields(BODY_BYTES[0]), attempt.count(40, 4)
    many = (attempt.rest("add_message", "/absent/messages", USER, body, within_s=30) for _ in range(parallel))
    for answer in await asyncio.gather(*many):
        _bounded(attempt, "add_message", answer)
    for _ in range(attempt.count(20, 3)):
        _bounded(attempt, "query", await attempt.rest("get_conversation", f"/absent?{fields}", USER))


async def events(attempt: Attempt) -> None:
    """Each event of the socket with thousands of unknown fields."""
    attempt.outcome.sent = f"{', '.join(EVENTS)} with 54 KB of unknown keys"
    socket = await attempt.socket(USER)
    payload: dict[str, Any] = {f"{number:x}": 1 for number in range(6_000)}
    await attempt.begin()
    for _ in range(attempt.count(10, 1)):
        for event in EVENTS:
            ack = await socket.call(event, payload)
            _errors(attempt, event, ack["error"], len(json.dumps(ack)))
    await socket.close()


async def oddities(attempt: Attempt) -> None:
    """Methods and paths that a bare function answers; only recorded."""
    attempt.outcome.sent = "TRACE, PROPFIND, robots.txt … to a function"
    await attempt.begin()
    asked = [(method, "/api/conversations") for method in ("TRACE", "PROPFIND", "HEAD", "CONNECT", "PATCH")]
    asked += [
        ("GET", path) for path in ("/robots.txt", "/favicon.ico", "/api/conversations%0a", "//", "/.env")
    ]
    for method, path in asked:
        answer = await ask(attempt.target.functions["create_conversation"], method, path)
        attempt.saw(answer)
        bare = "" if "x-request-id" in answer.head.lower() else ", not ours"
        attempt.note(f"{method} {path}", f"{answer.said}{bare}")


def _bounded(attempt: Attempt, name: str, answer: Answer) -> None:
    attempt.saw(answer)
    if answer.status < 500 and answer.body.startswith(b"{"):
        _errors(attempt, name, json.loads(answer.body), len(answer.body))


def _errors(attempt: Attempt, name: str, problem: dict[str, Any], size: int) -> None:
    largest = max(size, int(attempt.outcome.figures.get(f"{name}, bytes", "0")))
    attempt.note(f"{name}, bytes", largest)
    if len(problem.get("errors", [])) > MOST_ERRORS:
        _fail_once(attempt, f"{name}: more than {MOST_ERRORS} errors in an answer")
    if size > MOST_ANSWER_BYTES:
        _fail_once(attempt, f"{name}: an answer of more than {MOST_ANSWER_BYTES:,} B")


def _fail_once(attempt: Attempt, text: str) -> None:
    if text not in attempt.outcome.failures:
        attempt.fail(text)


ATTACKS = (
    Attack("errors-members", 1, members, most_s=90),
    Attack("errors-unknown", 1, unknown, most_s=90),
    Attack("errors-events", 1, events),
    Attack("oddities", 1, oddities, quiet_logs=True),
)
