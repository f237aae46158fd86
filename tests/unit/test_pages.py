"""A page has as many items as fit into its bytes, and at least one."""

import json

import pytest

from tests.support.adapters import MemoryAdapters
from tests.support.api import API, add_message, bearer, created
from tests.support.twins.store import MemoryStore

MOST = 40_000
PLAIN, QUOTES, CONTROL, WIDE = "a" * 3_000, '"' * 3_000, "\x01" * 3_000, "\U0001f600" * 3_000


@pytest.fixture
def adapters():
    return MemoryAdapters(CONFAB_MAX_PAGE_BYTES=str(MOST))


def size(value: object) -> int:
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def assert_full(body, beyond) -> None:
    """The page fits, and with the next item it would not."""
    assert size(body) <= MOST
    assert size(body) + 1 + size(beyond) > MOST


async def read(client, path: str, **query: object):
    answer = await client.get(f"{API}{path}", params={"limit": 200, **query}, headers=bearer())
    assert answer.status_code == 200, answer.text
    assert len(answer.content) == size(answer.json())
    return answer.json()


@pytest.mark.parametrize("content", [PLAIN, QUOTES, CONTROL, WIDE])
@pytest.mark.parametrize("query", [{}, {"before": 31}, {"before": 25}, {"after": 0}, {"after": 7}])
async def test_a_page_is_filled_from_its_cursor_on(client, content, query):
    room = (await created(client))["id"]
    stored = [(await add_message(client, room, content, metadata={"n": n})).json() for n in range(30)]
    page = await read(client, f"/{room}", **query)
    seqs = [message["seq"] for message in page["messages"]]
    assert seqs == list(range(seqs[0], seqs[-1] + 1))
    if "after" in query:
        assert seqs[0] == query["after"] + 1
        assert_full(page, stored[seqs[-1]])
    else:
        assert seqs[-1] == min(query.get("before", 31) - 1, 30)
        assert_full(page, stored[seqs[0] - 2])
    assert page["hasMore"]


@pytest.mark.parametrize("direction", ["after", "before"])
async def test_pages_bounded_by_bytes_lead_through_the_whole_log(client, direction):
    room = (await created(client))["id"]
    for n in range(40):
        content = CONTROL * 10 if n == 20 else "x" * (n * 997 % 9_000 + 1)  # one is larger than a page
        await add_message(client, room, content, metadata={"m": "y" * (n * 101 % 3_000)})
    seqs: list[int] = []
    query = {"after": 0} if direction == "after" else {}
    while True:
        page = await read(client, f"/{room}", **query)
        found = [message["seq"] for message in page["messages"]]
        assert size(page) <= MOST or found == [21]
        seqs = seqs + found if direction == "after" else found + seqs
        if not page["hasMore"]:
            break
        query = {"after": seqs[-1]} if direction == "after" else {"before": seqs[0]}
    assert seqs == list(range(1, 41))


async def test_a_list_is_filled_and_its_cursor_continues_there(client):
    members = [{"userId": f"u{n}" + "é" * 100} for n in range(20)]
    made = {(await created(client, members=members, metadata={"n": n}))["id"] for n in range(25)}
    listed: list[str] = []
    pages, cursor = 0, None
    while pages == 0 or cursor:
        page = await read(client, "", **({"cursor": cursor} if cursor else {}))
        listed += [conversation["id"] for conversation in page["conversations"]]
        pages, cursor = pages + 1, page["nextCursor"]
        assert size(page) <= MOST
    assert pages > 2
    assert len(listed) == len(made)
    assert set(listed) == made


async def test_the_store_reads_no_more_than_a_response_holds(adapters, client, monkeypatch):
    limits: list[int] = []
    page = MemoryStore.page

    async def note(self, *which, max_chars, **where):
        limits.append(max_chars)
        return await page(self, *which, max_chars=max_chars, **where)

    monkeypatch.setattr(MemoryStore, "page", note)
    room = (await created(client))["id"]
    await read(client, f"/{room}")
    assert limits == [MOST]
