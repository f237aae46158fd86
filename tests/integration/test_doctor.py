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
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route as Path

from confab import config
from confab.bus.pubsub import leases
from confab.bus.pubsub.endpoint import Endpoint
from infra.doctor import conversation as rehearsal
from infra.doctor import identity as identities
from infra.doctor import realtime as instances
from infra.doctor import site as places
from infra.doctor import store as log
from infra.doctor import web as hosting
from infra.doctor.__main__ import groups
from infra.doctor.bus import MEND_AWAY as MEND_BUS
from infra.doctor.bus import MEND_LEFT, MEND_TOPIC, bus
from infra.doctor.conversation import conversation
from infra.doctor.realtime import realtime
from infra.doctor.site import Site
from infra.doctor.web import web
from tests.integration.conftest import ORIGIN, PROJECT, World
from tests.support.doctor import found, outcome, serving, site
from tests.support.pubsub import closed_port, pubsub_server
from tests.support.stack import ROOT, running_stack
from tests.support.surrealdb import surreal_server

TOPIC = f"projects/{PROJECT}/topics/confab-events"


@pytest.fixture
async def patient(world) -> AsyncIterator[Site]:
    async with site(world._env, world.urls) as patient:
        yield patient


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


async def test_an_instance_that_is_not_there():
    url = f"http://{closed_port()}"
    results = await found(partial(realtime, Site(config.load({}), "", (url,)), url))
    assert set(outcome(results).values()) == {"FAIL"}
    assert results[f"alive {url}"].mend == results[f"ready {url}"].mend == instances.MEND_AWAY


def run_app(**answers: Response):
    """An address of Cloud Run's, which keeps the paths that end in z to itself."""

    def at(path: str, answer: Response) -> Path:
        async def endpoint(_: object) -> Response:
            return answer

        return Path(f"/{path}", endpoint)

    async def not_found(*_: object) -> Response:
        return HTMLResponse("<!DOCTYPE html><title>Error 404 (Not Found)!!1</title>", 404)

    return Starlette(
        routes=[at(path, answer) for path, answer in answers.items()], exception_handlers={404: not_found}
    )


async def of_instance(app, check):
    """What one check finds of an instance that is this application."""
    async with serving(app) as url:
        results = await found(partial(realtime, Site(config.load({}), "", (url,)), url))
    return results[f"{check} {url}"]


WELL = {
    "health": JSONResponse({"status": "alive"}),
    "ready": JSONResponse({"status": "ready", "missing": []}),
}


@pytest.mark.parametrize("check", ["alive", "ready"])
async def test_an_instance_on_cloud_run_is_asked_under_names_that_reach_it(check):
    assert (await of_instance(run_app(**WELL), check)).status == "ok"
    assert (await of_instance(run_app(), check)).mend == instances.MEND_AWAY


@pytest.mark.parametrize(
    ("answer", "seen", "mend"),
    [
        (
            JSONResponse({"status": "unavailable", "missing": ["store", "keys"]}, 503),
            "it misses store, keys",
            f"{instances.MEND_MISSING['store']}; {instances.MEND_MISSING['keys']}",
        ),
        (
            JSONResponse({"status": "unavailable", "missing": ["flux"]}, 503),
            "it misses flux",
            instances.MEND_UNKNOWN,
        ),
        *(
            (answer, f"/ready answers {answer.status_code} and not what it lacks", instances.MEND_AWAY)
            for answer in (
                PlainTextResponse("no server", 503),
                JSONResponse({}, 503),
                JSONResponse(["store"], 503),
                HTMLResponse("<p>Welcome"),
            )
        ),
    ],
)
async def test_an_instance_that_is_not_ready_or_is_something_else(answer, seen, mend):
    result = await of_instance(run_app(ready=answer), "ready")
    assert (result.status, result.seen, result.mend) == ("FAIL", seen, mend)


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


@pytest.mark.parametrize(
    "answer",
    [
        HTMLResponse("<p>Welcome", 201),
        JSONResponse([], 201),
        JSONResponse({"id": "x"}, 201),
        PlainTextResponse("no JSON", 201, media_type=hosting.PROBLEM),
    ],
)
async def test_answers_that_are_not_the_functions(world, answer):
    async with sick(world, answer) as patient:
        results = await found(partial(web, patient), partial(conversation, patient))
    assert results["route add_message"].mend == hosting.MEND_ROUTE
    assert results["create"].mend == hosting.MEND_ANSWER
    assert results["create"].seen.startswith("/api/conversations answers 201 without id")


async def test_a_root_that_is_no_page(world):
    async with sick(world, JSONResponse({})) as patient:
        assert (await found(partial(web, patient)))["web page"].mend == hosting.MEND_WEB


async def test_functions_that_do_not_answer(world, monkeypatch):
    monkeypatch.setattr(places, "ANSWER_S", 0.2)

    async def hang(scope: object, receive: object, send: object) -> None:
        await asyncio.sleep(3)

    async with sick(world, hang) as patient:
        results = await found(partial(web, patient), partial(conversation, patient))
    for check in ("web page", "create"):
        assert results[check].mend == hosting.MEND_WEB
        assert results[check].seen.endswith(" does not answer within 0.2 s")


async def test_an_auth_emulator_that_is_something_else(world, patient):
    async with serving(HTMLResponse("<p>Welcome")) as url:
        other = patient.config.model_copy(update={"auth_emulator_host": url.removeprefix("http://")})
        results = await found(partial(conversation, replace(patient, token=None, config=other)))
    assert results["create"].mend == identities.MEND


async def test_functions_that_name_another_instance(world):
    others = {**world._env, "CONFAB_REALTIME_URLS": "http://127.0.0.1:9"}
    async with site(others, ["http://127.0.0.1:9"]) as elsewhere:
        results = await found(partial(conversation, replace(elsewhere, realtime=(world.urls[1],))))
    assert results["create"].mend == rehearsal.MEND_URLS
    assert results[f"delivery {world.urls[1]}"].status == "ok"


async def test_without_a_token_and_an_emulator_there_is_no_conversation(patient):
    cloud = patient.config.model_copy(update={"auth_emulator_host": None})
    results = await found(partial(conversation, replace(patient, token=None, config=cloud)))
    assert outcome(results).pop("create") == "FAIL"  # what was not tried is not known to be well
    assert results["create"].mend == identities.MEND_NOBODY
    assert {result.status for name, result in results.items() if name != "create"} == {"skipped"}


async def examined(stack, *arguments):
    """The exit code and output of the command on a running stack."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "infra.doctor", "--data", str(stack.data), *arguments),
        cwd=ROOT,
        env={"PYTHONPATH": "functions"},
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
