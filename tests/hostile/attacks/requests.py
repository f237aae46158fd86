"""Attacks that are a table of requests, each with what may answer it."""

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tests.hostile.attacks.attack import Attack, check_bounds
from tests.hostile.attempt import ADD, API, Attempt, in_parallel
from tests.hostile.raw import ANSWER_S, SERVER_ERROR, exchange, http, polling_session

INSTANCE = "instance"
USER = "mallory"
HANDLED = range(SERVER_ERROR)
"""Anything but a failure of the server; 0 if it closes the connection without an answer."""


@dataclass(frozen=True, slots=True)
class Case:
    """A request, and what may come back.

    What goes `to` the instance is a POST to a new session on long polling, what goes to a function is a
    user's: a POST if there is a body. `raw` is a request as it is, of nobody.
    """

    name: str
    to: str
    body: bytes | None = None
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    allowed: Container[int] = HANDLED
    code: str | None = None
    """What the problem says, if that matters."""
    closes: bool = False
    """Whether the server must have closed the connection when the time is over."""


Table = Callable[[Attempt], list[Case]]


def table_attack(
    name: str, table: Table, *, at_a_time: int = 1, within_s: float = ANSWER_S, **how: Any
) -> Attack:
    """An attack that sends what the table lists, so many at a time; none of it is worth an alarm."""
    run = partial(_send, table=table, at_a_time=at_a_time, within_s=within_s)
    return Attack(name, run, quiet_logs=True, **how)


async def _send(attempt: Attempt, *, table: Table, at_a_time: int, within_s: float) -> None:
    cases = table(attempt)
    room = await attempt.conversation(USER, [])
    requests = [await _request(attempt, case, room) for case in cases]
    attempt.outcome.sent = f"{len(cases)} requests: {', '.join(dict.fromkeys(case.name for case in cases))}"

    async def send(number: int) -> None:
        case = cases[number]
        address = attempt.target.functions.get(case.to, attempt.instance)
        answer = await exchange(address, requests[number], within_s)
        attempt.saw(answer)
        if answer.status not in case.allowed or case.code not in (None, answer.code):
            attempt.fail(f"{case.name} was answered {answer.status} {answer.code}")
        if case.closes and not answer.closed:
            attempt.fail(f"{case.name} is open after {within_s:.0f} s")
        check_bounds(attempt, case.name, answer.body)

    await attempt.begin()
    await in_parallel(send, len(cases), at_a_time)


async def _request(attempt: Attempt, case: Case, room: str) -> bytes:
    if case.raw is not None:
        return case.raw
    if case.to == INSTANCE:
        return http("POST", await polling_session(attempt.instance) + case.query, case.headers, case.body)
    path = API + (f"/{room}/messages" if case.to == ADD else "") + case.query
    headers = await attempt.headers(USER) | dict(case.headers)
    return http("GET" if case.body is None else "POST", path, headers, case.body)
