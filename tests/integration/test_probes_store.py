"""The probes of a store that is down, rejects the user, or has another schema or a wrong clock."""

from functools import partial

import pytest

from confab import config
from confab.store.session import Session
from infra.probes import store as stores
from infra.probes.store import store
from infra.probes.system import System
from tests.support.probes import found, outcome
from tests.support.surrealdb import PASSWORD, USER, surreal_server


@pytest.fixture
async def database(tmp_path):
    async with surreal_server(tmp_path / "store", migrated=False) as server:
        yield server


def only_store(server, **changes) -> System:
    """A system with a store and nothing else."""
    env = {"SURREALDB_URL": server.url, "SURREALDB_USER": USER, "SURREALDB_PASSWORD": PASSWORD}
    return System(config.load(env | changes), "http://127.0.0.1:9", ())


async def test_a_store_that_is_down(database):
    patient = only_store(database)
    await database.kill()
    results = await found(partial(store, patient))
    assert outcome(results) == {"store": "FAIL", "store schema": "skipped", "store clock": "skipped"}
    assert results["store"].fix == stores.FIX_AWAY


async def test_a_store_that_does_not_respond(database, monkeypatch):
    monkeypatch.setattr(stores, "SILENT_S", 0.5)
    database.freeze()
    results = await found(partial(store, only_store(database)))
    database.thaw()
    assert (results["store"].seen, results["store"].fix) == ("no response within 0.5 s", stores.FIX_AWAY)


async def test_a_wrong_password(database):
    results = await found(partial(store, only_store(database, SURREALDB_PASSWORD="another")))
    assert results["store"].fix == stores.FIX_SIGN_IN
    assert "another" not in results["store"].seen


async def test_a_store_without_a_schema(database):
    results = await found(partial(store, only_store(database)))
    assert outcome(results) == {"store": "ok", "store schema": "FAIL", "store clock": "ok"}
    assert results["store schema"].fix == stores.FIX_OLD


async def test_a_schema_that_is_too_new(database):
    session = await Session.open(database.account(), define=True)
    await session.query("UPSERT ONLY schema:version SET number = 99", {})
    await session.close()
    results = await found(partial(store, only_store(database)))
    assert results["store schema"].fix == stores.FIX_NEW


async def test_a_store_without_a_clock(database, monkeypatch):
    monkeypatch.setattr(stores, "NOW", "THROW 'no clock'")
    results = await found(partial(store, only_store(database)))
    assert (results["store clock"].status, results["store clock"].fix) == ("FAIL", stores.FIX_QUERY)


async def test_a_clock_that_is_wrong(database, monkeypatch):
    monkeypatch.setattr(stores, "NOW", "RETURN time::now() + 1m")
    results = await found(partial(store, only_store(database)))
    assert results["store clock"].fix == stores.FIX_CLOCK
    assert results["store clock"].seen.startswith("it is +60.0 s off")
