"""What operators see of a socket's events: a span over all of the work, and a line for a refusal."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta

import pytest
from opentelemetry.trace import StatusCode

from confab import trace
from confab.domain.errors import Unavailable
from confab.realtime.container import Container
from tests.support.adapters import MemoryAdapters
from tests.support.samples import NOW, conversation, principal
from tests.support.telemetry import Collected
from tests.support.twins.bus import MemoryBus

HELLO = {"conversationId": "c1", "content": "hello"}


class Watched(Collected):
    """An instance with one socket, and what it would have sent to its collector."""

    def __init__(self) -> None:
        super().__init__()
        self.adapters, bus = MemoryAdapters(), MemoryBus()
        self.adapters.publisher, self.adapters.subscription = bus.publisher(), bus.subscription()
        self.adapters.telemetry = self.telemetry
        self.container = Container(self.adapters)
        lives = {"expires_at": datetime.now(UTC) + timedelta(hours=1)}
        self.container.sessions.admit("s1", principal("alice").model_copy(update=lives))

    async def begin(self, name, payload):
        """Send an event; returns its acknowledgement, to be awaited."""
        acknowledged = asyncio.get_running_loop().create_future()
        await self.container.application.event("s1", name, [payload], acknowledged.set_result)
        return acknowledged

    async def ask(self, name, payload):
        ack = await (await self.begin(name, payload))
        await asyncio.sleep(0)  # a span ends a turn of the event loop after its work
        return ack

    def break_store(self, error):
        async def broken(*_args, **_options):
            raise error

        vars(self.adapters.store)["append"] = broken


@pytest.fixture
async def watched():
    watched = Watched()
    await watched.adapters.store.create(conversation("c1"), None, now=NOW)
    yield watched
    await watched.container.announcer.close()


def lines(caplog, message):
    return [record for record in caplog.records if record.message == message]


async def test_the_span_of_a_message_lasts_until_it_is_stored(watched):
    storing, stored, append = asyncio.Event(), asyncio.Event(), watched.adapters.store.append
    within = []

    async def slow(*args, **options):
        within.append(trace.current())
        storing.set()
        await stored.wait()
        return await append(*args, **options)

    vars(watched.adapters.store)["append"] = slow
    sending = await watched.begin("message", HELLO)
    await storing.wait()
    assert watched.spans() == ()
    stored.set()
    assert (await sending)["ok"]
    await asyncio.sleep(0)
    (span,) = watched.spans()
    assert (span.name, span.status.status_code) == ("socket message", StatusCode.UNSET)
    assert [at.span_id for at in within if at is not None] == [f"{span.context.span_id:016x}"]


@pytest.mark.parametrize(
    ("name", "payload", "code", "known"),
    [
        ("join", {"conversationId": "none"}, "not_found", "join"),
        ("message", HELLO | {"x": 1}, "invalid_request", "message"),
        ("message", HELLO, "unavailable", "message"),
        ("secret", {}, "invalid_request", "unknown"),
    ],
)
async def test_a_refusal_is_found_by_its_request_id_and_in_its_span(
    watched, caplog, name, payload, *, code, known
):
    caplog.set_level(logging.INFO, "confab")
    watched.break_store(Unavailable("The store does not answer."))
    refusal = (await watched.ask(name, payload))["error"]
    (line,) = lines(caplog, "socket event")
    assert (line.requestId, line.event, line.code) == (refusal["requestId"], known, code)
    (span,) = watched.spans()
    assert (span.name, span.attributes["confab.code"]) == (f"socket {known}", code)
    assert (span.status.status_code == StatusCode.ERROR) == (refusal["status"] >= 500)


async def test_a_defect_is_a_failed_span_and_told_with_the_request_id(watched, caplog):
    watched.break_store(RuntimeError("a defect"))
    refusal = (await watched.ask("message", HELLO))["error"]
    (line,) = lines(caplog, "an event failed")
    assert (line.requestId, refusal["code"]) == (refusal["requestId"], "internal")
    assert watched.spans()[0].status.status_code == StatusCode.ERROR


async def test_what_is_carried_out_has_no_line(watched, caplog):
    caplog.set_level(logging.INFO, "confab")
    assert (await watched.ask("message", HELLO))["ok"]
    assert lines(caplog, "socket event") == []
