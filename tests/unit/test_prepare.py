"""What a function's first request begins: adapters are made while the store is being connected."""

import asyncio
import os
import threading

from starlette.requests import Request

from confab import log
from confab.bus.memory import MemoryBus, MemoryPublisher
from confab.domain.errors import Unavailable
from confab.operations.function import function
from confab.store.memory import MemoryStore
from confab.wiring import Ports
from tests.support.ports import MemoryPorts


class SlowStore(MemoryStore):
    """A store that is connected when a test says so, and then is away."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()
        self.answers = asyncio.Event()

    async def check(self) -> None:
        self.asked.set()
        await self.answers.wait()
        raise Unavailable("The store does not answer.")


async def test_adapters_are_made_beside_the_loop(monkeypatch):
    ports = MemoryPorts()
    made_by = []
    monkeypatch.setattr(
        Ports, "subscription", property(lambda _: made_by.append(threading.current_thread())), raising=True
    )
    await ports.prepare("subscription")
    assert made_by != [threading.main_thread()]
    assert len(made_by) == 1


async def test_nobody_waits_for_the_store_and_its_failure_is_left_to_the_first_query():
    ports = MemoryPorts()
    ports.store = store = SlowStore()
    await ports.prepare("verifier")
    await store.asked.wait()
    store.answers.set()
    await asyncio.gather(*ports._connecting)


class LatePublisher(MemoryPublisher):
    """A publisher that knows whether it was asked to connect."""

    def __init__(self) -> None:
        super().__init__(MemoryBus())
        self.asked = asyncio.Event()

    async def connect(self) -> None:
        self.asked.set()
        await asyncio.sleep(60)


async def test_the_bus_is_connected_for_the_first_event_and_nobody_waits_for_it():
    ports = MemoryPorts()
    ports.publisher = publisher = LatePublisher()
    async with asyncio.timeout(3):
        await ports.prepare("announcer")
        await publisher.asked.wait()
    for connecting in ports._connecting:
        connecting.cancel()


async def test_who_publishes_nothing_connects_to_no_bus():
    ports = MemoryPorts()
    await ports.prepare("verifier")
    assert "publisher" not in vars(ports)
    assert len(ports._connecting) == 1


async def test_a_function_makes_telemetry_before_its_first_request(monkeypatch):
    prepared: list[str] = []

    async def prepare(_ports: Ports, *names: str) -> None:
        prepared.extend(names)

    monkeypatch.setattr(Ports, "prepare", prepare)
    monkeypatch.setattr(log, "setup", lambda _project: None)
    monkeypatch.setattr(os, "environ", {})
    serve = function("get_conversation")
    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": []}
    assert (await serve(Request(scope))).status_code == 404
    assert prepared == ["telemetry", "verifier"]
