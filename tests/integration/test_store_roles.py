"""The users of the database: what each of SurrealDB's roles may do, and what becomes of what it may not."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from surrealdb.errors import NotAllowedError

from confab import config
from confab.domain.errors import Unavailable
from confab.store.session import Session
from confab.store.surreal import SurrealStore
from confab.store.users import READ_ONLY, ROLES, Role, role_of
from confab.wiring import Adapters
from tests.support.adapters import NamedUsers
from tests.support.api import API, api_client, bearer
from tests.support.changes import add, delete, edit, say
from tests.support.samples import NOW, conversation, draft, finalize
from tests.support.surrealdb import PASSWORD, SurrealServer, define_users, store_command

Step = Callable[[SurrealStore], Awaitable[Any]]


@pytest.fixture
async def users(server: SurrealServer) -> SurrealServer:
    await define_users(server)
    return server


@pytest.fixture
async def stored(users: SurrealServer) -> AsyncIterator[SurrealStore]:
    """With a conversation c1 of a message, and c2, which is finalized; c3 is deleted, and bob leaves."""
    store = SurrealStore(users.account("editor"))
    for name in ("c1", "c2", "c3"):
        await store.create(conversation(name), name, now=NOW)
    await say(store, "c1", client_message_id="m")
    await finalize(store, "c2")
    found = await store.conversation("c3")
    assert found is not None
    assert await store.removal.delete(found, now=NOW)
    assert await store.removal.begin("bob", now=NOW) is not None
    yield store
    await store.close()


async def remove(store: SurrealStore) -> None:
    found = await store.conversation("c1")
    assert found is not None
    await store.removal.delete(found, now=NOW)


WRITES: dict[str, Step] = {
    "create": lambda store: store.create(conversation("new"), "key", now=NOW),
    "append": lambda store: store.append(draft(), now=NOW),
    "append, once": lambda store: store.append(draft(client_message_id="k"), now=NOW),
    "add": lambda store: add(store, "c1", "carol"),
    "edit": lambda store: edit(store, "c1", 1, "other"),
    "delete a message": lambda store: delete(store, "c1", 1),
    "begin": lambda store: store.removal.begin("rita", now=NOW),
    "begin with nothing": lambda store: store.removal.begin("nobody", now=NOW),
    "go on": lambda store: store.removal.unfinished(now=NOW),
    "leave": lambda store: store.removal.leave_finalized("bob", "c2"),
    "empty": lambda store: store.removal.empty("bob", "c1", now=NOW),
    "purge": lambda store: store.removal.purge(),
    "check": lambda store: store.check(),
    "finalize": lambda store: finalize(store, "c1"),
    "delete": remove,
}


async def everything(server: SurrealServer) -> str:
    session = await Session.open(server.account())
    tables = (await session.query("INFO FOR DB", {}))["tables"]
    records = [await session.query("SELECT * FROM type::table($t)", {"t": table}) for table in tables]
    await session.close()
    return str(records)


async def test_a_viewer_stores_nothing_and_whatever_writes_is_unavailable(users, stored):
    before, store = await everything(users), SurrealStore(users.account("viewer"))
    answers: dict[str, object] = {}
    for name, write in WRITES.items():
        try:
            answers[name] = await write(store)
        except Unavailable as refused:
            answers[name] = type(refused).__name__
    await store.close()
    assert {
        name: answer for name, answer in answers.items() if answer not in ("Aborted", "Unavailable")
    } == {}
    assert await everything(users) == before


async def test_an_editor_is_refused_none_of_it(users, stored):
    for write in WRITES.values():
        await write(stored)


async def test_a_function_whose_user_may_not_write_answers_unavailable_and_reads_on(users, stored):
    env = {
        "SURREALDB_URL": users.url,
        "SURREALDB_DATABASE": users.database,
        "SURREALDB_AUTH_LEVEL": "database",
    }
    adapters = Adapters(config.load(env | {"SURREALDB_USER": "viewer", "SURREALDB_PASSWORD": PASSWORD}))
    adapters.verifier = NamedUsers()
    async with api_client(adapters) as api:
        sent = {"role": "user", "content": "hello"}
        answers = [
            await api.post(API, json={"type": "chat", "members": []}, headers=bearer()),
            await api.post(f"{API}/c1/messages", json=sent, headers=bearer()),
            await api.post(f"{API}/c1/finalize", json={}, headers=bearer()),
            await api.get(f"{API}/c1", headers=bearer()),
        ]
    await adapters.close()
    assert [answer.status_code for answer in answers] == [503, 503, 503, 200]


TRIES: dict[str, tuple[Role, ...]] = {
    "SELECT * FROM secret": ROLES,
    "INFO FOR DB": ROLES,
    "DEFINE TABLE more": ("editor", "owner"),
    "REMOVE TABLE message": ("editor", "owner"),
    "ALTER TABLE message SCHEMALESS": ("editor", "owner"),
    "DEFINE FUNCTION fn::more() { RETURN 1 }": ("editor", "owner"),
    "DEFINE EVENT more ON message THEN {}": ("editor", "owner"),
    "DEFINE USER more ON DATABASE PASSHASH '' ROLES VIEWER": ("owner",),
    "DEFINE ACCESS more ON DATABASE TYPE JWT ALGORITHM HS256 KEY 'x'": ("owner",),
    "REMOVE USER viewer ON DATABASE": ("owner",),
    "INFO FOR NS": (),
    "DEFINE DATABASE more": (),
    "REMOVE DATABASE confab": (),
    "DEFINE USER more ON ROOT PASSHASH '' ROLES VIEWER": (),
}
"""What is tried and rolled back, and the roles that may do it in SurrealDB 3.2.4."""


async def test_the_engine_holds_each_role_to_what_the_documentation_says(users):
    allowed: dict[str, list[Role]] = {statement: [] for statement in TRIES}
    for role in ROLES:
        session = await Session.open(users.account(role))
        assert await role_of(session) == role
        for statement in TRIES:
            try:
                await session.query(f"{{ {statement}; THROW 'rolled back' }}", {})
                allowed[statement].append(role)
            except NotAllowedError:
                pass
        await session.close()
    assert allowed == {statement: list(roles) for statement, roles in TRIES.items()}


async def test_no_role_reaches_another_database_or_signs_in_at_the_root(users):
    for role in ROLES:
        account = users.account(role)
        for elsewhere in (replace(account, level="root"), replace(account, database="confab")):
            with pytest.raises(NotAllowedError):
                await Session.open(elsewhere)


async def test_an_owner_migrates_its_database_and_the_check_tells_roles_apart(database):
    await define_users(database)
    as_owner = {"SURREALDB_AUTH_LEVEL": "database", "SURREALDB_USER": "owner"}
    code, printed, _ = await store_command(database, "migrate", **as_owner)
    assert (code, printed.startswith("migrated to schema version")) == (0, True)
    code, printed, _ = await store_command(database, "check", "--role", "owner", **as_owner)
    assert (code, printed.endswith("is in place; owner: owner\n")) == (0, True)
    as_viewer = as_owner | {"SURREALDB_USER": "viewer"}
    code, _, error = await store_command(database, "check", "--role", "editor", **as_viewer)
    assert (code, error) == (1, "confab.store: Unavailable: viewer has the role viewer, not editor\n")
    viewer, owner = (SurrealStore(database.account(role)) for role in ("viewer", "owner"))
    with pytest.raises(Unavailable, match=READ_ONLY):
        await viewer.check()
    await owner.check()
    await viewer.close()
    await owner.close()
