"""One trace from a request over the bus to the sockets, in the logs of every process on the way."""

import json
import logging
from typing import Any

import httpx
import pytest

from confab import log
from tests.support.probes import system
from tests.support.telemetry import Collected
from tests.support.world import PROJECT

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
NAME = "logging.googleapis.com/trace"


class Lines(logging.Handler):
    """The log of all processes of a test, as Cloud Logging reads it."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(log.JsonFormatter(PROJECT))
        self.lines: list[dict[str, Any]] = []

    def emit(self, record):
        self.lines.append(json.loads(self.format(record)))

    def with_message(self, message):
        return [line for line in self.lines if line["message"] == message]


@pytest.fixture
def lines(monkeypatch):
    logger, handler = logging.getLogger("confab"), Lines()
    before = logger.level
    monkeypatch.setattr(logger, "handlers", [handler])
    logger.setLevel(logging.INFO)
    yield handler
    logger.setLevel(before)


async def write(patient, room, *, sampled=True):
    headers = {"Authorization": "Bearer alice", "traceparent": f"00-{TRACE}-{SPAN}-{sampled:02}"}
    async with httpx.AsyncClient(trust_env=False, headers=headers) as http:
        url = f"{patient.web}/api/conversations/{room}/messages"
        assert (await http.post(url, json={"content": "hello"})).status_code == 201


@pytest.mark.parametrize("sampled", [True, False])
async def test_the_log_of_every_process_has_the_trace_of_a_request_and_deliveries_if_it_is_sampled(
    world, lines, sampled
):
    room = await world.conversation()
    clients = [await world.client("alice", index, room) for index in range(2)]
    async with system(world.env, world.urls) as patient:
        await write(patient, room, sampled=sampled)
        for client in clients:
            await client.until(lambda c: c.seqs() == [1])
    (request,), delivered = lines.with_message("request"), lines.with_message("delivered")
    assert [(line["conversationId"], line["seq"], line["sockets"]) for line in delivered] == [
        (room, 1, 1)
    ] * (2 if sampled else 0)
    assert {line[NAME] for line in (request, *delivered)} == {f"projects/{PROJECT}/traces/{TRACE}"}


async def test_an_instance_counts_deliveries_gaps_sweeps_sockets_and_rooms(world):
    room = await world.conversation()
    alice = await world.client("alice", 0, room)
    container, collected = world.containers[0], Collected()
    container._count(collected.telemetry)
    await world.rest_message(room, "over the bus")
    await world.rest_message(room, "lost by the bus", announce=False)
    await alice.until(lambda c: c.seqs() == [1, 2])
    counted = {name: point.value for name, point in collected.metrics().items()}
    lag, sweeps = counted.pop("confab.bus.lag"), counted.pop("confab.sweeps")
    assert 0 <= lag < 5
    assert sweeps >= 1
    assert counted == {
        "confab.deliveries": 2,
        "confab.gaps.filled": 1,
        "confab.sockets": 1,
        "confab.rooms": 1,
    }
