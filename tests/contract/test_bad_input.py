"""What a request for a change is answered with, over each store: finalized, and twice at once.

tests/unit/test_changes.py says who may change what, and test_requests.py what a body may be.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.support.adapters import MemoryAdapters
from tests.support.api import API, add_message, api_client, bearer, created

pytestmark = pytest.mark.asyncio(loop_scope="session")

MAX_MEMBERS = 4
CHANGED_BY_BOB, DELETED, RENAMED = 1, 2, 6
"""Numbers in the conversation that every case begins with; 3 and 4 are others' messages, 5 deletes 2."""
BEYOND = 99
MESSAGE = f"/messages/{CHANGED_BY_BOB}"
NEW_TEXT, NEW_TITLE = {"content": "new"}, {"title": "new"}

Case = tuple[str, str, str, object, str, str]
"""Who asks, the method, the path within the conversation, the body; the answer while the conversation is
active, and once it is finalized: a code, or `""` for a success."""
BOTH_BAD = ("invalid_request", "invalid_request")
FORBIDDEN = ("forbidden", "forbidden")
NOT_FOUND = ("not_found", "not_found")
CLOSED = ("", "conversation_finalized")
SETTLED = ("", "")
HAND_OVER: Case = ("alice", "PATCH", "", {"owner": "bob"}, *CLOSED)
LEAVE: Case = ("bob", "DELETE", "/members/bob", None, *CLOSED)
DELETE: Case = ("alice", "DELETE", "", None, *SETTLED)
DELETE_AGAIN: Case = ("bob", "DELETE", f"/messages/{DELETED}", None, *SETTLED)
CASES: tuple[Case, ...] = (
    ("bob", "PATCH", MESSAGE, NEW_TEXT, *CLOSED),
    ("bob", "PATCH", MESSAGE, {"content": "from bob"}, *SETTLED),
    ("bob", "PATCH", MESSAGE, {}, *BOTH_BAD),
    ("alice", "PATCH", MESSAGE, NEW_TEXT, *FORBIDDEN),
    ("bob", "PATCH", f"/messages/{DELETED}", NEW_TEXT, *NOT_FOUND),
    ("bob", "PATCH", f"/messages/{RENAMED}", NEW_TEXT, *NOT_FOUND),
    ("bob", "PATCH", f"/messages/{BEYOND}", NEW_TEXT, *NOT_FOUND),
    ("bob", "PATCH", "/messages/0", NEW_TEXT, *NOT_FOUND),
    ("bob", "DELETE", MESSAGE, None, *CLOSED),
    ("alice", "DELETE", MESSAGE, None, *CLOSED),
    DELETE_AGAIN,
    ("alice", "DELETE", f"/messages/{RENAMED}", None, *NOT_FOUND),
    ("alice", "DELETE", f"/messages/{BEYOND}", None, *NOT_FOUND),
    ("alice", "DELETE", f"{MESSAGE}?force=1", None, *BOTH_BAD),
    ("alice", "PATCH", "", NEW_TITLE, *CLOSED),
    ("alice", "PATCH", "", {"title": "renamed"}, *SETTLED),
    ("alice", "PATCH", "", {"owner": "alice"}, *SETTLED),
    HAND_OVER,
    ("alice", "PATCH", "", {}, *BOTH_BAD),
    ("alice", "PATCH", "", {"owner": "agent:x"}, *BOTH_BAD),
    ("alice", "PATCH", "", {"owner": "eve"}, "invalid_request", "conversation_finalized"),
    ("bob", "PATCH", "", NEW_TITLE, *FORBIDDEN),
    ("alice", "PUT", "/members/new", {"access": "write"}, *CLOSED),
    ("alice", "PUT", "/members/rita", {"access": "write"}, *CLOSED),
    ("alice", "PUT", "/members/rita", {"access": "read"}, *SETTLED),
    ("alice", "PUT", "/members/alice", {"access": "read"}, "invalid_request", "conversation_finalized"),
    ("alice", "PUT", "/members/new", {}, *BOTH_BAD),
    ("bob", "PUT", "/members/new", {"access": "write"}, *FORBIDDEN),
    ("alice", "DELETE", "/members/bob", None, *CLOSED),
    LEAVE,
    ("alice", "DELETE", "/members/eve", None, *SETTLED),
    ("bob", "DELETE", "/members/alice", None, *FORBIDDEN),
    ("bob", "POST", "/messages", {"content": "x", "inReplyTo": DELETED}, *CLOSED),
    ("bob", "POST", "/messages", {"content": "x", "inReplyTo": 0}, *BOTH_BAD),
    (
        "bob",
        "POST",
        "/messages",
        {"content": "x", "inReplyTo": RENAMED},
        "invalid_request",
        "conversation_finalized",
    ),
    ("alice", "GET", f"/log?after={BEYOND}", None, *BOTH_BAD),
    ("alice", "GET", "/log?after=-1", None, *BOTH_BAD),
    ("alice", "GET", "/log?before=1", None, *BOTH_BAD),
    ("eve", "GET", "/log", None, *NOT_FOUND),
    ("bob", "DELETE", "", None, *FORBIDDEN),
    DELETE,
)
AGAIN = ((HAND_OVER, "forbidden"), (LEAVE, "not_found"), (DELETE, "not_found"))
"""What the same request is refused with once it was carried out; the others are answered as before."""
OF_CASES = pytest.mark.parametrize(
    "case",
    [pytest.param(case, id=f"{case[0]} {case[1]} {case[2][:40]} {str(case[3])[:40]}") for case in CASES],
)


@dataclass
class Instances:
    """Two instances over one store, and the conversation in it that a case begins with."""

    clients: list[httpx.AsyncClient]
    id: str = ""
    unchanged: dict[bool, tuple[str, object]] = field(default_factory=dict)
    """The conversation that the last case began with, and its log: an active one, and a finalized one."""

    async def ask(self, case: Case, instance: int = 0) -> httpx.Response:
        """The answer to a case's request."""
        user, method, path, body, *_ = case
        how: Mapping[str, Any] = {} if body is None else {"json": body}
        url = f"{API}/{self.id}{path}"
        return await self.clients[instance].request(method, url, headers=bearer(user), **how)

    async def log(self) -> Any:
        """Everything that is numbered."""
        return (await self.ask(("alice", "GET", "/log", None, "", ""))).json().get("entries")

    async def begin(self, *, finalized: bool = False) -> object:
        """The log that a case begins with: of the last one's conversation, unless that one changed it."""
        self.id, log = self.unchanged.get(finalized, ("", None))
        if not self.id or await self.log() != log:
            await self._prepare(finalized=finalized)
            self.unchanged[finalized] = self.id, await self.log()
        return self.unchanged[finalized][1]

    async def _prepare(self, *, finalized: bool) -> None:
        first = self.clients[0]
        members = [{"userId": "bob"}, {"userId": "rita", "access": "read"}, {"userId": "bot"}]
        self.id = (await created(first, members=members))["id"]
        for user in ("bob", "bob", "alice"):
            await add_message(first, self.id, f"from {user}", user)
        await add_message(first, self.id, "from bot", "bot", role="system")
        await self.ask(DELETE_AGAIN)
        await self.ask(("alice", "PATCH", "", {"title": "renamed"}, "", ""))
        assert (await self.log())[-1]["seq"] == RENAMED
        if finalized:
            await first.post(f"{API}/{self.id}/finalize", headers=bearer())


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def instances(stores) -> AsyncIterator[Instances]:
    async with AsyncExitStack() as stack:
        clients = []
        for store in stores[:2]:
            adapters = MemoryAdapters(CONFAB_MAX_MEMBERS=str(MAX_MEMBERS))
            adapters.store = store
            clients.append(await stack.enter_async_context(api_client(adapters)))
        yield Instances(clients)


def code(answer: httpx.Response) -> str:
    """The code of a refusal; empty for a success."""
    return "" if answer.is_success else answer.json()["code"]


@OF_CASES
async def test_a_finalized_conversation_is_not_changed(instances, case):
    before = await instances.begin(finalized=True)
    answer = await instances.ask(case)
    assert code(answer) == case[5], answer.text
    assert case is DELETE or await instances.log() == before


@OF_CASES
async def test_a_request_that_comes_twice_at_once_is_answered_as_the_contract_says_and_happens_once(
    instances, case
):
    before = await instances.begin()
    answers = await asyncio.gather(*(instances.ask(case, instance) for instance in (0, 1)))
    second = next((again for first, again in AGAIN if first is case), case[4])
    assert sorted(map(code, answers)) == sorted([case[4], second]), [answer.text for answer in answers]
    log = await instances.log()
    if case[4]:
        assert log == before
    elif case is not DELETE:
        assert len(log) <= RENAMED + (2 if case[1] == "POST" else 1)


async def test_members_beyond_the_limit_are_refused_also_when_they_come_at_once(instances):
    await instances.begin()
    newcomers = [("alice", "PUT", f"/members/{uid}", {"access": "read"}, "", "") for uid in "xyz"]
    answers = await asyncio.gather(*(instances.ask(case, index % 2) for index, case in enumerate(newcomers)))
    assert sorted(map(code, answers)) == ["", "invalid_request", "invalid_request"]
    refused = next(answer for answer in answers if code(answer))
    assert refused.json()["errors"][0]["message"] == f"is one more than the {MAX_MEMBERS} members allowed"
    assert len(await instances.log()) == RENAMED + 1
