"""Adapters are imported and connected ahead of the first request, and closed when a process ends."""

import asyncio
import os
import subprocess
import sys
import threading
from pathlib import Path
from unittest.mock import AsyncMock

import pytest
from starlette.requests import Request

from confab import config, log, wiring
from confab.domain.errors import Unavailable
from confab.http.function import function
from confab.wiring import Adapters
from tests.support.adapters import MemoryAdapters
from tests.support.waiting import settle

ROOT = Path(__file__).parents[2]


async def test_slow_imports_run_in_another_thread_than_the_loop(monkeypatch):
    made_by = []
    monkeypatch.setattr(Adapters, "telemetry", property(lambda _: made_by.append(threading.current_thread())))
    await MemoryAdapters().prepare(announces=False)
    assert made_by != [threading.main_thread()]
    assert len(made_by) == 1


@pytest.mark.parametrize("announces", [True, False])
async def test_connecting_delays_nothing_and_a_failure_is_left_to_the_first_query(monkeypatch, announces):
    adapters, answers, begun = MemoryAdapters(), asyncio.Event(), set()

    async def check() -> None:
        begun.add("store")
        await answers.wait()
        raise Unavailable("The store does not answer.")

    async def connect() -> None:
        begun.add("bus")
        await asyncio.sleep(60)

    monkeypatch.setattr(adapters.store, "check", check)
    monkeypatch.setattr(adapters.publisher, "connect", connect)
    async with asyncio.timeout(10):
        await adapters.prepare(announces=announces)
    await settle()
    assert begun == ({"store", "bus"} if announces else {"store"})
    answers.set()
    done, connecting = await asyncio.wait(adapters._connecting, timeout=0.1)
    assert [task.exception() for task in done] == [None]
    for bus in connecting:
        bus.cancel()


@pytest.mark.parametrize(
    ("name", "announces", "status"),
    [("get_conversation", False, 404), ("add_message", True, 404), ("expire_conversations", True, 405)],
)
async def test_a_functions_first_request_prepares_it(monkeypatch, name, announces, status):
    prepared: list[bool] = []

    async def prepare(_adapters: Adapters, *, announces: bool) -> None:
        prepared.append(announces)

    monkeypatch.setattr(Adapters, "prepare", prepare)
    monkeypatch.setattr(log, "setup", lambda _project: None)
    monkeypatch.setattr(os, "environ", {})
    serve = function(name)
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "headers": [],
    }
    for _ in range(2):
        assert (await serve(Request(scope))).status_code == status
    assert prepared == [announces]


FUNCTION = "from functions_framework import create_app; create_app('{}', 'main.py')"
ADAPTERS = "from confab import config, wiring; adapters = wiring.Adapters(config.load({}))"
COLLECTOR = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
BUS, OTEL = ("google.pubsub", "confab.bus", "grpc"), ("opentelemetry",)


@pytest.mark.parametrize(
    ("statements", "imported", "left_out"),
    [
        (FUNCTION.format("get_conversation"), "confab.http.edge", BUS),
        (FUNCTION.format("list_conversations"), "confab.http.edge", BUS),
        (ADAPTERS.format({}) + "; adapters.conversations", "surrealdb", BUS),
        (ADAPTERS.format({}) + "; adapters.telemetry", "confab.telemetry.logs", OTEL),
        (ADAPTERS.format(COLLECTOR) + "; adapters.telemetry", "opentelemetry", BUS),
    ],
    ids=["get_conversation", "list_conversations", "use cases", "no collector", "a collector"],
)
def test_an_adapter_is_imported_only_where_it_is_used(statements, imported, left_out):
    program = f"import os, sys; {statements}; print(*sys.modules, flush=True); os._exit(0)"
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT / "functions", capture_output=True, text=True, check=True
    )
    modules = run.stdout.split()
    assert imported in modules
    assert not [name for name in modules if name.startswith(left_out)]


async def test_an_adapter_that_fails_or_hangs_skips_no_other(monkeypatch, caplog):
    monkeypatch.setattr(wiring, "CLOSE_S", 0.2)
    adapters = MemoryAdapters()
    good = [AsyncMock() for _ in range(3)]
    failing = AsyncMock(**{"close.side_effect": RuntimeError("a defect")})
    hanging = AsyncMock(**{"close.side_effect": asyncio.Event().wait})
    adapters._opened.update(
        subscription=hanging, publisher=failing, store=good[0], verifier=good[1], telemetry=good[2]
    )
    async with asyncio.timeout(5):
        await adapters.close()
    for adapter in good:
        adapter.close.assert_awaited_once_with()
    lines = {record.part: record.message for record in caplog.records}
    assert lines == {"publisher": "an ending failed", "subscription": "an ending took too long"}
    assert "a defect" in caplog.text


async def test_every_adapter_that_was_made_is_closed_and_no_other():
    adapters = Adapters(config.load(COLLECTOR))
    assert adapters.conversations is adapters.conversations
    assert adapters._opened.keys() == {"store", "publisher"}
    made = {adapters.subscription, adapters.verifier, adapters.telemetry, adapters.store, adapters.publisher}
    assert {*adapters._opened.values()} == made
    assert len(made) == 5
    await adapters.close()
