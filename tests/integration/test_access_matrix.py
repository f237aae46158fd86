"""Who may do what, over the wire: every operation and event, as everybody, in every state."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any

import pytest

from confab.auth.firebase import FirebaseVerifier
from confab.domain import rates
from confab.domain.cells import MAIN, new_id
from confab.http.routes import ROUTES
from confab.store import statements
from confab.store.connection import Connection
from confab.store.session import Session
from tests.support.api import API, api_client
from tests.support.google import Google
from tests.support.operations import EVENTS, REST, Person
from tests.support.surrealdb import SurrealServer
from tests.support.users import PROJECT, user
from tests.support.wire import WireSocket
from tests.support.world import World

ROLES = {
    "owner": "alice",
    "writer": "bob",
    "reader": "rita",
    "agent": "bot",
    "agent stranger": "other-bot",
    "stranger": "eve",
    "removed": "rob",
    "anonymous": "nobody",
    "disabled": "dan",
}
MEMBERS = ("bob", "rita", "bot", "rob", "carol", "dan")
AUTHORS = ("alice", "bob", "rita", "bot", "rob", "carol")
"""In the order of their messages, numbered from 1."""
NEVER_IN = {"anonymous": "unauthenticated", "disabled": "token_revoked"}
OUTSIDE = ("agent stranger", "stranger", "removed")
IN_STATE = (*ROLES,)[:4]
WORDS = {"no": "forbidden", "hidden": "not_found", "closed": "conversation_finalized"}
# Operation, then active and finalized: owner, writer, reader, agent member, anyone outside; then missing:
# anyone at all.
TABLE = """
create_conversation              | ok  ok  ok  ok  ok     | ok     ok     ok  ok     ok     | ok
list_conversations               | ok  ok  ok  ok  absent | ok     ok     ok  ok     absent | absent
get_conversation                 | ok  ok  ok  ok  hidden | ok     ok     ok  ok     hidden | hidden
read_log                         | ok  ok  ok  ok  hidden | ok     ok     ok  ok     hidden | hidden
add_message                      | ok  ok  no  ok  hidden | closed closed no  closed hidden | hidden
add_message of an assistant      | ok  no  no  ok  hidden | closed no     no  closed hidden | hidden
add_message in reply             | ok  ok  no  ok  hidden | closed closed no  closed hidden | hidden
edit_message of one's own        | ok  ok  no  ok  hidden | closed closed no  closed hidden | hidden
edit_message of another's        | no  no  no  no  hidden | no     no     no  no     hidden | hidden
delete_message of one's own      | ok  ok  no  ok  hidden | closed closed no  closed hidden | hidden
delete_message of another's      | ok  no  no  no  hidden | closed no     no  no     hidden | hidden
update_conversation              | ok  no  no  no  hidden | closed no     no  no     hidden | hidden
update_conversation for an owner | ok  no  no  no  hidden | closed no     no  no     hidden | hidden
set_member                       | ok  no  no  no  hidden | closed no     no  no     hidden | hidden
remove_member                    | ok  no  no  no  hidden | closed no     no  no     hidden | hidden
remove_member oneself            | no  ok  ok  ok  hidden | no     closed closed closed hidden | hidden
finalize_conversation            | ok  no  no  no  hidden | ok     no     no  no     hidden | hidden
delete_conversation              | ok  no  no  no  hidden | ok     no     no  no     hidden | hidden
erase_me                         | no  no  no  no  no     | no     no     no  no     no     | no
join                             | ok  ok  ok  ok  hidden | ok     ok     ok  ok     hidden | hidden
join after a number              | ok  ok  ok  ok  hidden | ok     ok     ok  ok     hidden | hidden
message                          | ok  ok  no  ok  hidden | closed closed no  closed hidden | hidden
message of an assistant          | ok  no  no  ok  hidden | closed no     no  closed hidden | hidden
typing                           | ok  ok  no  ok  hidden | ok     ok     no  ok     hidden | hidden
leave                            | ok  ok  ok  ok  ok     | ok     ok     ok  ok     ok     | ok
auth                             | ok  ok  ok  ok  ok     | ok     ok     ok  ok     ok     | ok
connect                          | ok  ok  ok  ok  hidden | ok     ok     ok  ok     hidden | hidden
"""
ALONE = {
    "update_conversation for an owner",
    "remove_member",
    "remove_member oneself",
    "finalize_conversation",
    "delete_conversation",
}
"""What changes who may do what, and is carried out in a conversation of its own."""
LIMITED = {
    "CONFAB_MESSAGES_PER_10S": "4",
    "CONFAB_READS_PER_10S": "6",
    "CONFAB_CREATES_PER_10S": "2",
    "CONFAB_ADDITIONS_PER_10S": "20",
    "CONFAB_RENEWALS_PER_10S": "5",
}
"""Rates that the preparation keeps to, and who asks for everything thrice does not."""
UNLIMITED = {
    "update_conversation",
    "set_member",
    "remove_member",
    "finalize_conversation",
    "delete_conversation",
    "erase_me",
    "leave",
}
"""What no rate bounds, or none of these."""
BACKGROUND = {statements.HEADS, statements.NEXT_ERASURE, statements.PURGE}
"""What an instance asks by itself, beside checks and the key of digests, which have no variables."""
Cell = tuple[str, str, str]
"""An operation, a role and a state."""


def cells() -> dict[Cell, str]:
    """The outcome of each."""
    found: dict[Cell, str] = {}
    for line in TABLE.strip().splitlines():
        operation, *parts = (part.strip() for part in line.split("|"))
        for state, part in zip(("active", "finalized", "missing"), parts, strict=True):
            words = [WORDS.get(word, word) for word in part.split()]
            inside = dict(zip(IN_STATE, words * (4 if len(words) == 1 else 1), strict=False))
            outcomes = inside | dict.fromkeys(OUTSIDE, words[-1]) | NEVER_IN
            found |= {(operation, role, state): outcomes[role] for role in ROLES}
    return found


CELLS = cells()


@dataclass
class Access:
    """Everybody, and the conversations that they ask for."""

    people: dict[str, Person]
    rooms: dict[str, str]
    session: Session

    async def conversation(self, state: str, *, silent: bool = False) -> str:
        """A conversation of all members in this state, in which all authors wrote unless it is `silent`."""
        owner = self.people["owner"]
        members = [{"userId": uid} for uid in MEMBERS]

        async def ask(as_: str, method: str, path: str, body: object) -> Any:
            headers = {"Authorization": f"Bearer {token(as_)}"}
            answer = await owner.http.request(method, f"{API}{path}", headers=headers, json=body)
            assert answer.is_success, answer.text
            return answer.json()

        room = str((await ask("alice", "POST", "", {"type": "chat", "members": members}))["id"])
        for author in () if silent else AUTHORS:
            await ask(author, "POST", f"/{room}/messages", {"content": f"from {author}"})
        await ask("alice", "PUT", f"/{room}/members/rita", {"access": "read"})
        await ask("alice", "DELETE", f"/{room}/members/rob", None)
        if state == "finalized":
            await ask("alice", "POST", f"/{room}/finalize", None)
        return room

    async def outcome(self, cell: Cell, room: str | None = None) -> str:
        operation, role, state = cell
        carols = AUTHORS.index("carol") + 1
        return await self.people[role].asks(operation, room or self.rooms[state], carols)

    async def outcomes(self, wanted: list[Cell]) -> dict[Cell, str]:
        """Of all of these, each role's one after the other."""
        found: dict[Cell, str] = {}

        async def of(role: str) -> None:
            for cell in wanted:
                if cell[1] == role:
                    found[cell] = await self.outcome(cell)

        await asyncio.gather(*map(of, ROLES))
        return found

    async def everything(self) -> dict[str, Any]:
        """All records of the database."""
        tables = await self.session.query("RETURN object::keys((INFO FOR DB).tables)", {})
        select = "SELECT * FROM type::table($table)"
        return {table: str(await self.session.query(select, {"table": table})) for table in tables}


def token(uid: str) -> str:
    """A token of somebody who signed in an hour ago."""
    return user(uid, age_s=3_600, agent="bot" in uid).token


@pytest.fixture
async def access(
    request: pytest.FixtureRequest,
    server: SurrealServer,
    bus_server: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Access]:
    """Without rates, or with those of the parameter, in windows that no slow machine leaves."""
    monkeypatch.setattr(rates, "WINDOW_S", 3_600)
    async with AsyncExitStack() as stack:
        google = stack.enter_context(Google().serving())
        google.changed["dan"] = {"disabled": True}
        agent = {"customAttributes": '{"agent": true}'}
        google.changed |= {uid: agent for uid in ROLES.values() if "bot" in uid}
        monkeypatch.setenv("FIREBASE_AUTH_EMULATOR_HOST", google.address)
        verifier = FirebaseVerifier(PROJECT, revocation_ttl_s=60)
        stack.push_async_callback(verifier.close)
        env = {
            "SURREALDB_DATABASE": server.database,
            "CONFAB_MAX_ROOMS_PER_SOCKET": "0",
            "CONFAB_MAX_SOCKETS_PER_USER": "0",
            **getattr(request, "param", {}),
        }
        world = World(server, bus_server, cells=(MAIN,), verifier=verifier, env=env)
        await stack.enter_async_context(world.running())
        world.function.verifier = verifier
        http = await stack.enter_async_context(api_client(world.function))
        people = {}
        for role, uid in ROLES.items():
            people[role] = person = Person(
                uid, None if role == "anonymous" else token(uid), http, world.urls[0]
            )
            if uid in AUTHORS:
                person.own = AUTHORS.index(uid) + 1
            if role not in NEVER_IN:
                person.socket = await WireSocket.connected(world.urls[0], {"token": person.token})
                stack.push_async_callback(person.socket.close)
        session = await Session.open(server.account())
        stack.push_async_callback(session.close)
        access = Access(people, {"missing": new_id(MAIN)}, session)
        for state in ("active", "finalized"):
            access.rooms[state] = await access.conversation(state)
        yield access


def test_the_matrix_has_every_operation_and_event():
    assert {operation.partition(" ")[0] for operation in REST} == {route.operation for route in ROUTES}
    assert [*dict.fromkeys(cell[0] for cell in CELLS)] == [*REST, *EVENTS]
    assert len(CELLS) == len([*REST, *EVENTS]) * len(ROLES) * 3 == 729


async def test_everybody_gets_what_the_contract_says_and_a_refusal_changes_nothing(access):
    refused = [cell for cell, outcome in CELLS.items() if outcome != "ok"]
    before = await access.everything()
    assert await access.outcomes(refused) == {cell: CELLS[cell] for cell in refused}
    assert await access.everything() == before
    carried_out = [cell for cell, outcome in CELLS.items() if outcome == "ok"]
    alone = [cell for cell in carried_out if cell[0] in ALONE]
    for cell in alone:
        assert await access.outcome(cell, await access.conversation(cell[2], silent=True)) == "ok", cell
    shared = [cell for cell in carried_out if cell not in alone]
    assert await access.outcomes(shared) == dict.fromkeys(shared, "ok")
    assert await access.everything() != before
    assert (len(refused), len(carried_out)) == (581, 148)


@pytest.fixture
async def asked(access: Access, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """The statements from now on, each with its answer."""
    query, asked = Connection.query, list[tuple[str, Any]]()

    async def recorded(self: Connection, statement: str, variables: Any, **options: Any) -> Any:
        answer = await query(self, statement, variables, **options)
        if variables and statement not in BACKGROUND:
            asked.append((statement, answer))
        return answer

    monkeypatch.setattr(Connection, "query", recorded)
    return asked


async def test_the_store_does_the_same_work_for_a_stranger_as_for_what_is_missing(access, asked):
    """Statements and answers: so nothing is read that a stranger may not see, and no time tells of it."""
    work: dict[Cell, list[Any]] = {}
    for cell in (cell for cell, word in CELLS.items() if cell[1] in OUTSIDE and word == "not_found"):
        asked.clear()
        await access.outcome(cell)
        work[cell] = [*asked]
    assert all(work.values())
    for room in access.rooms.values():  # whose rate for typing would end before
        assert {await access.people["stranger"].asks("typing", room) for _ in range(7)} == {"not_found"}
    assert [cell for cell, done in work.items() if done != work[cell[0], cell[1], "missing"]] == []


@pytest.mark.parametrize("access", [LIMITED], indirect=True)
async def test_a_rate_tells_a_stranger_nothing_and_a_refusal_for_it_asks_nothing(access, asked):
    async def all_thrice(person: Person, room: str) -> list[tuple[str, str, int]]:
        """The outcomes, and how many statements each has cost."""
        found = []
        for operation in [*REST, *EVENTS] * 3:
            asked.clear()
            found.append((operation, await person.asks(operation, room), len(asked)))
        return found

    eve = access.people["stranger"]
    socket = await WireSocket.connected(eve.url, {"token": token("mallory")})
    mallory = replace(eve, uid="mallory", token=token("mallory"), socket=socket)
    hidden = await all_thrice(eve, access.rooms["active"])
    missing = await all_thrice(mallory, access.rooms["missing"])
    await socket.close()
    assert hidden == missing
    limited = {operation: cost for operation, code, cost in hidden if code == "rate_limited"}
    assert set(limited.values()) == {0}
    assert {name for name in [*REST, *EVENTS] if name.split()[0] not in UNLIMITED} == limited.keys()


ODD_IDS = ("%00", "a%00b", "a%20b", "a%2fb", "%C3%A4", "%C2%9F", "a" * 65, "a" * 8_000, "..%2f..")
NO_UTF_8 = ("%FF", "%ED%A0%80", "%C0%80", "a%E4")


async def test_what_can_be_no_id_is_refused_before_the_store_is_asked(access, asked):
    expected = dict.fromkeys(ODD_IDS, "not_found") | dict.fromkeys(NO_UTF_8, "invalid_request")
    cells = [(operation, odd) for operation in REST if "{room}" in REST[operation][1] for odd in expected]
    owner = access.people["owner"]
    codes = await asyncio.gather(*(owner.asks(operation, odd) for operation, odd in cells))
    assert dict(zip(cells, codes, strict=True)) == {cell: expected[cell[1]] for cell in cells}
    assert asked == []
