"""The doctor on systems that are well, and on systems in which something is broken."""

import asyncio
import json
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

import pytest
from google.api_core.exceptions import NotFound
from google.pubsub_v1 import Subscription
from starlette.responses import JSONResponse, PlainTextResponse

from confab import config
from confab.bus.pubsub import leases
from confab.bus.pubsub.endpoint import Endpoint
from confab.store.session import Session
from infra.doctor import conversation as rehearsal
from infra.doctor import realtime as instances
from infra.doctor import store as log
from infra.doctor import web as hosting
from infra.doctor.__main__ import groups
from infra.doctor.bus import MEND_AWAY as MEND_BUS
from infra.doctor.bus import MEND_LEFT, MEND_TOPIC, bus
from infra.doctor.conversation import conversation
from infra.doctor.realtime import realtime
from infra.doctor.site import Site
from infra.doctor.store import store
from infra.doctor.web import web
from tests.integration.conftest import ORIGIN, PROJECT, World
from tests.support.doctor import found, outcome, serving, site
from tests.support.pubsub import closed_port, pubsub_server
from tests.support.stack import ROOT, running_stack
from tests.support.surrealdb import PASSWORD, USER, surreal_server

TOPIC = f"projects/{PROJECT}/topics/confab-events"


@pytest.fixture
async def patient(world) -> AsyncIterator[Site]:
    async with site(world._env, world.urls) as patient:
        yield patient


@pytest.fixture
async def database(tmp_path):
    async with surreal_server(tmp_path / "store", migrated=False) as server:
        yield server


def only_store(server, **changes) -> Site:
    """A site of which only the store is there."""
    env = {"SURREALDB_URL": server.url, "SURREALDB_USER": USER, "SURREALDB_PASSWORD": PASSWORD}
    return Site(config.load(env | changes), "http://127.0.0.1:9", ())


@asynccontextmanager
async def sick(world, app):
    """The instances with something else in the functions' place."""
    async with serving(app) as url, site(world._env, world.urls) as patient:
        yield replace(patient, web=url)


async def test_a_system_that_is_well(world, patient):
    results = await found(*groups(patient))
    assert not [result for result in results.values() if result.status != "ok"]
    one, two = world.urls
    assert list(results) == [
        "web page",
        "route create_conversation",
        "route list_conversations",
        "route get_conversation",
        "route add_message",
        "route finalize_conversation",
        f"origin {ORIGIN}",
        "foreign origins",
        *(f"{check} {url}" for url in (one, two) for check in ("alive", "ready", "sockets")),
        "store",
        "store schema",
        "store clock",
        "bus topic",
        "bus round trip",
        "bus subscriptions",
        "create",
        f"join {one}",
        f"join {two}",
        "write",
        f"delivery {one}",
        f"delivery {two}",
        "finalize",
    ]
    assert world.sockets() == 0


async def test_the_doctor_leaves_no_subscription_behind(patient, bus_server):
    results = await found(partial(bus, patient))
    assert results["bus subscriptions"].seen == "2 of realtime instances, all alive"
    async with Endpoint(bus_server.host).subscriber() as client:
        names = [each.name async for each in await client.list_subscriptions(project=f"projects/{PROJECT}")]
    assert not [name for name in names if "doctor" in name]


async def test_an_instance_that_does_not_hear_the_bus(world, patient):
    world.deafen(1)
    one, two = world.urls
    results = await found(partial(conversation, patient))
    assert results[f"delivery {one}"].status == "ok"
    slow = results[f"delivery {two}"]
    assert (slow.status, slow.mend) == ("FAIL", rehearsal.MEND_SLOW)
    assert results["finalize"].status == "ok"


async def test_a_bus_that_is_down(world, patient):
    await world.silence_bus()
    results = await found(partial(bus, patient), partial(realtime, patient, world.urls[0]))
    topic = results["bus topic"]
    assert (topic.status, topic.mend) == ("FAIL", MEND_BUS)
    assert results["bus round trip"].status == "skipped"
    ready = results[f"ready {world.urls[0]}"]
    assert (ready.seen, ready.mend) == ("it misses bus", instances.MEND_MISSING["bus"])
    assert results[f"alive {world.urls[0]}"].status == "ok"


async def test_a_topic_that_is_not_there():
    async with pubsub_server() as server:
        patient = Site(config.load({"PUBSUB_EMULATOR_HOST": server.host}), "", ())
        results = await found(partial(bus, patient))
        with pytest.raises(NotFound):  # and the doctor has not made it
            async with Endpoint(server.host).publisher() as client:
                await client.get_topic(topic=TOPIC)
    assert (results["bus topic"].seen, results["bus topic"].mend) == (f"there is no {TOPIC}", MEND_TOPIC)


async def test_subscriptions_of_instances_that_are_gone(patient, bus_server):
    left = Subscription(
        name=f"projects/{PROJECT}/subscriptions/confab-left",
        topic=TOPIC,
        labels={leases.ALIVE: str(int(time.time() - leases.STALE_S - 10))},
    )
    async with Endpoint(bus_server.host).subscriber() as client:
        await client.create_subscription(left)
        results = await found(partial(bus, patient))
        await client.delete_subscription(subscription=left.name)
    told = results["bus subscriptions"]
    assert (told.seen, told.mend) == ("1 of 3 are of instances that are gone", MEND_LEFT)


async def test_a_store_that_goes_down_is_told_of_by_every_part_that_needs_it(tmp_path, bus_server):
    async with surreal_server(tmp_path / "store") as server:
        world = World(server, bus_server)
        await world.start()
        async with site(world._env, world.urls) as patient:
            await server.kill()
            results = await found(*groups(patient))
        await world.close()
    advice = {name: result.mend for name, result in results.items() if result.status == "FAIL"}
    assert advice == {
        **{f"ready {url}": instances.MEND_MISSING["store"] for url in world.urls},
        "store": log.MEND_AWAY,
        "create": rehearsal.MEND_UNAVAILABLE,
    }


async def test_a_store_that_is_down(database):
    patient = only_store(database)
    await database.kill()
    results = await found(partial(store, patient))
    assert outcome(results) == {"store": "FAIL", "store schema": "skipped", "store clock": "skipped"}
    assert results["store"].mend == log.MEND_AWAY


async def test_a_store_that_does_not_answer(database, monkeypatch):
    monkeypatch.setattr(log, "SILENT_S", 0.5)
    database.freeze()
    results = await found(partial(store, only_store(database)))
    database.thaw()
    assert (results["store"].seen, results["store"].mend) == ("no answer within 0.5 s", log.MEND_AWAY)


async def test_a_wrong_password(database):
    results = await found(partial(store, only_store(database, SURREALDB_PASSWORD="another")))
    assert results["store"].mend == log.MEND_SIGN_IN
    assert "another" not in results["store"].seen


async def test_a_store_without_a_schema(database):
    results = await found(partial(store, only_store(database)))
    assert outcome(results) == {"store": "ok", "store schema": "FAIL", "store clock": "ok"}
    assert results["store schema"].mend == f"run: {log.MIGRATE}"


async def test_a_schema_of_the_future(database):
    session = await Session.open(database.account(), define=True)
    await session.query("UPSERT ONLY schema:version SET number = 99", {})
    await session.close()
    results = await found(partial(store, only_store(database)))
    assert results["store schema"].mend == log.MEND_NEW


async def test_a_clock_that_is_wrong(database, monkeypatch):
    monkeypatch.setattr(log, "NOW", "RETURN time::now() + 1m")
    results = await found(partial(store, only_store(database)))
    assert results["store clock"].mend == log.MEND_CLOCK
    assert results["store clock"].seen.startswith("it is +60.0 s off")


async def test_an_instance_that_is_not_there():
    url = f"http://{closed_port()}"
    results = await found(partial(realtime, Site(config.load({}), "", (url,)), url))
    assert set(outcome(results).values()) == {"FAIL"}
    assert results[f"alive {url}"].mend == results[f"ready {url}"].mend == instances.MEND_AWAY


async def test_an_instance_with_other_origins(world):
    url = world.urls[0]
    elsewhere = Site(config.load({"CONFAB_ALLOWED_ORIGINS": "https://elsewhere.example"}), "", (url,))
    results = await found(partial(realtime, elsewhere, url))
    assert results[f"sockets {url}"].mend == instances.MEND_SOCKETS


async def test_hosting_that_is_not_there():
    results = await found(partial(web, Site(config.load({}), f"http://{closed_port()}", ())))
    assert {(result.status, result.mend) for result in results.values()} == {("FAIL", hosting.MEND_WEB)}


async def test_functions_with_other_origins(world, patient):
    env = {**world._env, "CONFAB_ALLOWED_ORIGINS": "https://elsewhere.example"}
    results = await found(partial(web, replace(patient, config=config.load(env))))
    assert results["origin https://elsewhere.example"].mend == hosting.MEND_ORIGINS
    assert results["route add_message"].status == "ok"


async def test_functions_that_are_not_deployed(world):
    async with sick(world, PlainTextResponse("nothing here", 404)) as patient:
        results = await found(partial(web, patient), partial(conversation, patient))
    assert results["web page"].mend == hosting.MEND_WEB
    assert results["route add_message"].mend == hosting.MEND_REWRITE
    assert results["foreign origins"].mend == hosting.MEND_ROUTE
    assert results["create"].mend == hosting.MEND_ROUTE
    assert results["finalize"].status == "skipped"


async def test_something_that_answers_in_the_functions_place(world):
    problem = {"code": "unauthenticated", "detail": "no token"}
    async with sick(world, JSONResponse(problem, 401, media_type=hosting.PROBLEM)) as patient:
        results = await found(partial(web, patient), partial(conversation, patient))
    assert results["route add_message"].mend == hosting.MEND_ANSWER
    assert results["create"].mend == rehearsal.MEND_IDENTITY


async def test_functions_that_name_another_instance(world):
    others = {**world._env, "CONFAB_REALTIME_URLS": "http://127.0.0.1:9"}
    async with site(others, ["http://127.0.0.1:9"]) as elsewhere:
        results = await found(partial(conversation, replace(elsewhere, realtime=(world.urls[1],))))
    assert results["create"].mend == rehearsal.MEND_URLS
    assert results[f"delivery {world.urls[1]}"].status == "ok"


async def test_without_a_token_and_an_emulator_there_is_no_conversation(patient):
    cloud = patient.config.model_copy(update={"auth_emulator_host": None})
    results = await found(partial(conversation, replace(patient, token=None, config=cloud)))
    assert {result.status for result in results.values()} == {"skipped"}
    assert "--token" in results["create"].seen


async def examined(stack, *arguments):
    """The exit code and output of the command on a running stack."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "infra.doctor", "--url", stack.url, *arguments),
        cwd=ROOT,
        env={**stack.env, "PYTHONPATH": "functions"},
        stdout=PIPE,
    )
    said, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, said.decode()


@pytest.mark.timeout(240)
async def test_the_command_on_the_local_stack(tmp_path):
    with running_stack(tmp_path / "data") as stack:
        code, said = await examined(stack)
        assert code == 0, said
        assert said.splitlines()[-1] == "28 ok, 0 FAIL, 0 skipped"
        away = f"http://{closed_port()}"
        code, said = await examined(stack, "--skip", "web", "--realtime", away, "--json")
    assert code == 1
    told = json.loads(said)
    assert told["ok"] is False
    failed = {check["check"]: check["mend"] for check in told["checks"] if check["status"] == "FAIL"}
    assert failed == {
        f"alive {away}": instances.MEND_AWAY,
        f"ready {away}": instances.MEND_AWAY,
        f"sockets {away}": instances.MEND_SOCKETS,
        "create": rehearsal.MEND_URLS,
        f"join {away}": rehearsal.MEND_JOIN,
    }
