"""The function that deletes conversations past their retention."""

import json
from datetime import timedelta

import pytest
from starlette.requests import Request

from confab.domain.errors import Unavailable
from confab.http import expiry
from confab.http.expiry import Expiry
from tests.support.adapters import MemoryAdapters
from tests.support.samples import NOW, conversation


async def run(adapters: MemoryAdapters, method: str = "POST") -> tuple[int, object]:
    response = await Expiry(adapters)(Request({"type": "http", "method": method, "headers": []}))
    return response.status_code, json.loads(bytes(response.body) or "null")


async def adapters_with_two(days: int) -> MemoryAdapters:
    """A store with a conversation that was active 30 days ago, and one that was a millisecond later."""
    adapters = MemoryAdapters(CONFAB_RETENTION_DAYS=str(days))
    adapters.clock = lambda: NOW + timedelta(days=30)
    for name, at in (("old", NOW - timedelta(milliseconds=1)), ("recent", NOW)):
        await adapters.store.create(conversation(name, updated_at=at), None, now=NOW)
    return adapters


@pytest.mark.parametrize(("days", "gone"), [(0, []), (31, []), (30, ["old"])])
async def test_conversations_are_deleted_after_so_many_days_without_activity(days, gone):
    adapters = await adapters_with_two(days)
    assert await run(adapters) == (200, {"deleted": len(gone), "done": True})
    assert adapters.announced.forgotten == gone
    left = [name for name in ("old", "recent") if await adapters.store.conversation(name)]
    assert left == [name for name in ("old", "recent") if name not in gone]


async def test_a_run_says_what_it_did_not_finish(monkeypatch):
    adapters = await adapters_with_two(30)

    async def purge() -> bool:
        return True

    monkeypatch.setattr(expiry, "WITHIN_S", 0.01)
    monkeypatch.setattr(adapters.conversations.eraser, "purge", purge)
    assert await run(adapters) == (200, {"deleted": 1, "done": False})


@pytest.mark.parametrize(
    ("error", "answer"),
    [(Unavailable("no store"), (503, {"code": "unavailable"})), (KeyError("defect"), (500, None))],
)
async def test_a_run_that_fails_is_to_be_repeated(monkeypatch, error, answer):
    adapters = await adapters_with_two(30)

    async def expire(_: object) -> int:
        raise error

    monkeypatch.setattr(adapters.conversations.eraser, "expire", expire)
    assert await run(adapters) == answer


async def test_reading_deletes_nothing():
    adapters = await adapters_with_two(30)
    assert await run(adapters, "GET") == (405, None)
    assert await adapters.store.conversation("old") is not None
