"""What a function's first request begins: adapters are made while the store is being connected."""

import asyncio
import threading

from confab.domain.errors import Unavailable
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
    await ports._connecting
