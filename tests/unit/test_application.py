"""How a socket's events take turns, and what operators see of them: a span, and a line for a refusal."""

import asyncio
import json
import logging
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import AsyncMock

import pytest
from opentelemetry.trace import StatusCode

from confab import trace
from confab.domain.errors import Unavailable
from confab.log import KIND
from confab.realtime.container import Container
from confab.realtime.sessions import MAX_SENDS
from confab.realtime.socketio.acknowledgement import Acknowledgement
from confab.realtime.socketio.api import Sent
from confab.trace import Trace
from tests.support.adapters import MemoryAdapters
from tests.support.samples import NOW, conversation, heads, principal
from tests.support.telemetry import Collected
from tests.support.waiting import until

HELLO = {"conversationId": "c1", "content": "hello"}


class Watched(Collected):
    """An instance with one socket, and what it would have sent to its collector."""

    def __init__(self) -> None:
        super().__init__()
        self.adapters = MemoryAdapters()
        self.adapters.telemetry = self.telemetry
        self.container = Container(self.adapters)
        self.appending: list[Trace | None] = []
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

    def hold_appends(self):
        """Hold appends until the event that is returned is set; each is recorded with its trace."""
        append, released = self.adapters.store.append, asyncio.Event()

        async def held(*args, **options):
            self.appending.append(trace.current())
            await released.wait()
            return await append(*args, **options)

        vars(self.adapters.store)["append"] = held
        return released


@pytest.fixture
async def watched():
    watched = Watched()
    await watched.adapters.store.create(conversation("c1"), None, now=NOW)
    yield watched
    await watched.container.announcer.close()


def lines(caplog, message):
    return [record for record in caplog.records if record.message == message]


async def test_the_span_of_a_message_lasts_until_it_is_stored_and_nothing_is_logged(watched, caplog):
    caplog.set_level(logging.INFO, "confab")
    stored = watched.hold_appends()
    sending = await watched.begin("message", HELLO)
    await until(lambda: watched.appending)
    assert watched.spans() == ()
    stored.set()
    assert (await sending)["ok"]
    await asyncio.sleep(0)
    (span,) = watched.spans()
    assert (span.name, span.status.status_code) == ("socket message", StatusCode.UNSET)
    assert [at.span_id for at in watched.appending if at is not None] == [f"{span.context.span_id:016x}"]
    assert lines(caplog, "socket event") == []


@pytest.mark.parametrize(
    ("name", "payload", "code", "known"),
    [
        ("join", {"conversationId": "none"}, "not_found", "join"),
        ("message", HELLO | {"x": 1}, "invalid_request", "message"),
        ("message", HELLO, "unavailable", "message"),
        ("message", HELLO, "internal", "message"),
        ("secret", {}, "invalid_request", "unknown"),
    ],
)
async def test_a_refusal_is_logged_with_its_request_id_and_in_its_span(
    watched, caplog, name, payload, *, code, known
):
    caplog.set_level(logging.INFO, "confab")
    error = RuntimeError("a defect") if code == "internal" else Unavailable("away")
    vars(watched.adapters.store)["append"] = AsyncMock(side_effect=error)
    refusal = (await watched.ask(name, payload))["error"]
    (line,) = lines(caplog, "socket event")
    assert (line.requestId, line.event, line.code) == (refusal["requestId"], known, code)
    assert (line.user, vars(line)[KIND]) == (watched.adapters.store.pseudonym("alice"), (known, code))
    counted = {"confab.code": code, "confab.operation": known}
    assert dict(watched.metrics()["confab.refusals"].attributes) == counted
    (span,) = watched.spans()
    assert (span.name, span.attributes["confab.code"]) == (f"socket {known}", code)
    assert (span.status.status_code == StatusCode.ERROR) == (refusal["status"] >= 500)
    defects = [(defect.requestId, bool(defect.exc_info)) for defect in lines(caplog, "an event failed")]
    assert defects == ([(refusal["requestId"], True)] if code == "internal" else [])


async def test_a_socket_has_a_bounded_number_of_sends_and_all_else_waits_for_them(watched):
    stored = watched.hold_appends()
    for _ in range(MAX_SENDS):
        await watched.begin("message", HELLO)
    over = asyncio.create_task(watched.begin("message", HELLO))
    await asyncio.sleep(0.05)
    assert (len(watched.appending), over.done()) == (MAX_SENDS, False)
    stored.set()
    await over
    typing = await watched.begin("typing", {"conversationId": "c1", "typing": False})
    assert (await typing)["error"]["code"] == "forbidden"
    assert await heads(watched.adapters.store, ["c1"]) == {"c1": MAX_SENDS + 1}


async def test_the_entries_of_a_batch_leave_before_its_acknowledgements(watched):
    stored, left = watched.hold_appends(), []

    def send_event(sids, event, entry):
        left.append(f"{event} {entry.seq}")
        return Sent(len(sids), ())

    assert (await watched.ask("join", {"conversationId": "c1"}))["ok"]
    vars(watched.container.server)["send_event"] = send_event
    for _ in range(3):
        await watched.container.application.event(
            "s1", "message", [HELLO], lambda ack: left.append(f"ack {ack['message'].seq}")
        )
    stored.set()
    await watched.container.sessions.get("s1").turn()
    assert left == [f"{kind} {seq}" for kind in ("message", "ack") for seq in (1, 2, 3)]


async def test_a_defect_after_an_acknowledgement_is_logged_and_not_acknowledged_again(watched, caplog):
    vars(watched.container.rooms)["finish_join"] = AsyncMock(side_effect=RuntimeError("a defect"))
    socket = SimpleNamespace(send=lambda packet: acks.append(json.loads(packet[3:])))
    acks: list[list[dict[str, object]]] = []
    await watched.container.application.event(
        "s1", "join", [{"conversationId": "c1"}], Acknowledgement(cast("Any", socket), 7, None)
    )
    assert [ack["ok"] for (ack,) in acks] == [True]
    assert len(lines(caplog, "an event failed")) == 1
