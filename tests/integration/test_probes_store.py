"""The probes of a store that is down, rejects the user, or has another schema or a wrong clock."""

from functools import partial

import pytest

from confab import config
from confab.store.session import Session
from infra.probes import store as stores
from infra.probes.probe import Result
from infra.probes.store import store
from infra.probes.system import System
from tests.support.probes import found, outcome
from tests.support.pubsub import closed_port
from tests.support.surrealdb import PASSWORD, USER, SurrealServer, define_users


async def probed(server: SurrealServer, **changes: str) -> dict[str, Result]:
    """What the probes find in a system with this store, but for the variables given."""
    env = {
        "SURREALDB_URL": server.url,
        "SURREALDB_DATABASE": server.database,
        "SURREALDB_USER": USER,
        "SURREALDB_PASSWORD": PASSWORD,
    }
    return await found(partial(store, System(config.load(env | changes), "http://127.0.0.1:9", ())))


async def test_a_store_that_is_down(database):
    results = await probed(database, SURREALDB_URL=f"ws://{closed_port()}")
    rest = ("store schema", "store role", "store clock")
    assert outcome(results) == {"store": "FAIL"} | dict.fromkeys(rest, "skipped")
    assert results["store"].fix == stores.FIX_AWAY


async def test_a_store_that_does_not_respond(database, monkeypatch):
    monkeypatch.setattr(stores, "SILENT_S", 0.5)
    database.freeze()
    results = await probed(database)
    assert (results["store"].seen, results["store"].fix) == ("no response within 0.5 s", stores.FIX_AWAY)


async def test_a_wrong_password(database):
    results = await probed(database, SURREALDB_PASSWORD="another")
    assert results["store"].fix == stores.FIX_SIGN_IN
    assert "another" not in results["store"].seen


async def test_a_schema_that_is_missing_or_too_new(database):
    results = await probed(database)
    expected = {"store": "ok", "store schema": "FAIL", "store role": "skipped", "store clock": "ok"}
    assert outcome(results) == expected
    assert results["store schema"].fix == stores.FIX_OLD
    session = await Session.open(database.account(), define=True)
    await session.query("UPSERT ONLY schema:version SET number = 99", {})
    await session.close()
    assert (await probed(database))["store schema"].fix == stores.FIX_NEW


@pytest.mark.parametrize(
    ("role", "status"), [("viewer", "FAIL"), ("editor", "ok"), ("owner", "FAIL"), (None, "ok")]
)
async def test_the_role_of_the_user(server, role, status):
    await define_users(server)
    found = await probed(
        server, **({"SURREALDB_USER": role, "SURREALDB_AUTH_LEVEL": "database"} if role else {})
    )
    assert (found["store role"].status, found["store role"].fix) == (
        status,
        stores.FIX_ROLE if status == "FAIL" else None,
    )


@pytest.mark.parametrize(
    ("statement", "seen", "fix"),
    [
        ("THROW 'no clock'", "", stores.FIX_QUERY),
        ("RETURN time::now() + 1m", "it is +60.0 s off", stores.FIX_CLOCK),
    ],
)
async def test_a_clock_that_is_absent_or_wrong(database, monkeypatch, statement, seen, fix):
    monkeypatch.setattr(stores, "NOW", statement)
    clock = (await probed(database))["store clock"]
    assert (clock.status, clock.fix, seen in clock.seen) == ("FAIL", fix, True)
