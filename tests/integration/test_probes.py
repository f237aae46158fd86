"""The probes on healthy and on broken systems."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

import httpx
import pytest
from google.pubsub_v1 import Subscription
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route as Path

from confab import config
from confab.bus import leases
from confab.bus.client import Endpoint
from confab.http.routes import rewrites
from infra.deploy import stack
from infra.probes import bus as buses
from infra.probes import clients, hosting, identity, sign_in
from infra.probes import conversation as conversations
from infra.probes import realtime as instances
from infra.probes import store as stores
from infra.probes import web as webs
from infra.probes.bus import bus
from infra.probes.conversation import conversation
from infra.probes.probes import probes
from infra.probes.realtime import realtime
from infra.probes.system import System
from infra.probes.web import web
from tests.support.probes import found, outcome, serving, system
from tests.support.pubsub import closed_port
from tests.support.surrealdb import surreal_server
from tests.support.world import PROJECT, World

TOPIC = f"projects/{PROJECT}/topics/confab-events"


@pytest.fixture
async def patient(world) -> AsyncIterator[System]:
    async with system(world.env, world.urls) as patient:
        yield patient


@asynccontextmanager
async def replaced(world, app):
    """The instances, with another app instead of the functions."""
    async with serving(app) as url, system(world.env, world.urls) as patient:
        yield replace(patient, web=url)


async def test_a_healthy_system_stays_as_it_is(world, patient, bus_server):
    results = await found(*probes(patient))
    assert not [result for result in results.values() if result.status != "ok"]
    assert {f"{check} {url}" for check in ("ready", "join", "delivery") for url in world.urls} <= set(results)
    assert results["bus subscriptions"].seen == "2 of live instances"
    async with Endpoint(bus_server.address).subscriber() as client:
        names = [each.name async for each in await client.list_subscriptions(project=f"projects/{PROJECT}")]
    assert not [name for name in names if "doctor" in name]
    assert world.sockets() == 0


async def test_an_instance_that_the_bus_does_not_reach(world, patient):
    world.deafen(1)
    one, two = world.urls
    results = await found(partial(conversation, patient))
    assert results[f"delivery {one}"].status == "ok"
    slow = results[f"delivery {two}"]
    assert (slow.status, slow.fix) == ("FAIL", conversations.FIX_SLOW)
    assert results["finalize"].status == "ok"


async def test_a_bus_that_is_down(world, patient):
    await world.silence_bus()
    results = await found(partial(bus, patient), partial(realtime, patient, world.urls[0]))
    topic = results["bus topic"]
    assert (topic.status, topic.fix) == ("FAIL", buses.FIX_AWAY)
    assert results["bus round trip"].seen == "needs bus topic"
    ready = results[f"ready {world.urls[0]}"]
    assert (ready.seen, ready.fix) == ("it lacks bus", instances.FIX_MISSING["bus"])
    assert results[f"alive {world.urls[0]}"].status == "ok"


async def test_a_topic_that_does_not_exist(bus_server):
    env = {"PUBSUB_EMULATOR_HOST": bus_server.address, "GOOGLE_CLOUD_PROJECT": "another-project"}
    for _ in range(2):  # no probe creates it
        topic = (await found(partial(bus, System(config.load(env), "", ()))))["bus topic"]
        missing = "there is no projects/another-project/topics/confab-events"
        assert (topic.seen, topic.fix) == (missing, buses.FIX_TOPIC)


async def test_subscriptions_of_instances_that_are_gone(patient, bus_server):
    left = Subscription(
        name=f"projects/{PROJECT}/subscriptions/confab-left",
        topic=TOPIC,
        labels={leases.ALIVE: str(int(time.time() - leases.STALE_S - 10))},
    )
    async with Endpoint(bus_server.address).subscriber() as client:
        await client.create_subscription(left)
        results = await found(partial(bus, patient))
        await client.delete_subscription(subscription=left.name)
    result = results["bus subscriptions"]
    assert (result.seen, result.fix) == ("1 of 3 belong to instances that are gone", buses.FIX_LEFT)


async def test_a_store_that_goes_down_fails_its_dependents(tmp_path, bus_server):
    async with (
        surreal_server(tmp_path / "store") as server,
        World(server, bus_server).running() as world,
        system(world.env, world.urls) as patient,
    ):
        await server.kill()
        results = await found(*probes(patient))
    fixes = {name: result.fix for name, result in results.items() if result.status == "FAIL"}
    assert fixes == {
        **{f"ready {url}": instances.FIX_MISSING["store"] for url in world.urls},
        "store": stores.FIX_AWAY,
        "create": conversations.FIX_UNAVAILABLE,
    }


def pages(answers: Mapping[str, Response]) -> Starlette:
    """A server of these answers; other paths respond like Cloud Run's front end."""
    missing = HTMLResponse("<!DOCTYPE html><title>Error 404 (Not Found)!!1</title>", 404)

    async def answer(request: Request) -> Response:
        return answers.get(request.url.path, missing)

    return Starlette(routes=[Path("/{path:path}", answer, methods=["GET", "POST"])])


NO_LIST = "without a list of what is missing"


def lacks(*missing: str) -> Response:
    return JSONResponse({"status": "unavailable", "missing": missing}, 503)


@pytest.mark.parametrize(
    ("probe", "answers", "seen", "fix"),
    [
        ("alive", {}, "/health responds 404: this is no realtime instance", instances.FIX_AWAY),
        (
            "ready",
            {"/ready": lacks("store", "keys")},
            "it lacks store, keys",
            f"{instances.FIX_MISSING['store']}; {instances.FIX_MISSING['keys']}",
        ),
        ("ready", {"/ready": lacks("flux")}, "it lacks flux", instances.FIX_UNKNOWN),
        *(
            (
                "ready",
                {"/ready": answer},
                f"/ready responds {answer.status_code} {NO_LIST}",
                instances.FIX_AWAY,
            )
            for answer in (
                HTMLResponse("<p>Not found", 404),
                PlainTextResponse("no server", 503),
                JSONResponse({}, 503),
                JSONResponse(["store"], 503),
                HTMLResponse("<p>Welcome"),
            )
        ),
    ],
)
async def test_the_findings_about_an_instance_by_paths_that_reach_it_on_cloud_run(probe, answers, seen, fix):
    async with serving(pages(answers)) as url:
        results = await found(partial(realtime, System(config.load({}), "", (url,)), url))
    result = results[f"{probe} {url}"]
    assert (result.seen, result.fix) == (seen, fix)


async def test_an_instance_with_other_origins(world):
    url = world.urls[0]
    elsewhere = System(config.load({"CONFAB_ALLOWED_ORIGINS": "https://elsewhere.example"}), "", (url,))
    results = await found(partial(realtime, elsewhere, url))
    assert results[f"sockets {url}"].fix == instances.FIX_SOCKETS


async def test_hosting_that_does_not_respond():
    results = await found(partial(web, System(config.load({}), f"http://{closed_port()}", ())))
    outcomes = {(result.status, result.fix) for result in results.values()}
    assert outcomes == {("FAIL", hosting.FIX_WEB), ("skipped", None)}


async def test_functions_with_other_origins(world, patient):
    env = {**world.env, "CONFAB_ALLOWED_ORIGINS": "https://elsewhere.example"}
    results = await found(partial(web, replace(patient, config=config.load(env))))
    assert results["origin https://elsewhere.example"].fix == webs.FIX_ORIGINS
    assert results["route add_message"].status == "ok"


@pytest.mark.parametrize(
    ("app", "fixes"),
    [
        (
            PlainTextResponse("nothing here", 404),
            {
                "web page": hosting.FIX_WEB,
                "route add_message": hosting.FIX_REWRITE,
                "foreign origins": None,
                "create": webs.FIX_ROUTE,
                "finalize": None,
            },
        ),
        (
            JSONResponse({"code": "unauthenticated", "detail": "x"}, 401, media_type=clients.PROBLEM),
            {"route add_message": webs.FIX_RESPONSE, "create": conversations.FIX_IDENTITY},
        ),
        (JSONResponse({}), {"web page": hosting.FIX_WEB}),
        (
            HTMLResponse("<p>Welcome", 201),
            {"route add_message": hosting.FIX_REWRITE, "create": webs.FIX_RESPONSE},
        ),
        *(
            (answer, {"route add_message": webs.FIX_ROUTE, "create": webs.FIX_RESPONSE})
            for answer in (
                JSONResponse([], 201),
                JSONResponse({"id": "x"}, 201),
                PlainTextResponse("no JSON", 201, media_type=clients.PROBLEM),
            )
        ),
    ],
)
async def test_another_app_instead_of_the_functions(world, app, fixes):
    async with replaced(world, app) as patient:
        results = await found(partial(web, patient), partial(conversation, patient))
    assert {name: results[name].fix for name in fixes} == fixes
    assert results["finalize"].status == "skipped"


REWRITES = stack.Outputs(
    "", [{"source": source, "run": {"serviceId": name}} for source, name in rewrites()], {}, {}
).hosting
"""What the site of an app needs in its firebase.json."""
MESSAGES = '{"source": "/api/conversations/*/messages", "run"'


@asynccontextmanager
async def site(patient: System, answers: Mapping[str, Response]):
    """An app's own site before the functions: some paths respond this."""

    async def serve(request: Request) -> Response:
        if (answer := answers.get(request.url.path)) is None:
            url, sent = f"{patient.web}{request.url.path}", dict(request.headers)
            found = await client.request(request.method, url, headers=sent)
            answer = Response(found.content, found.status_code, dict(found.headers))
        return answer

    methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
    app = Starlette(routes=[Path("/{path:path}", serve, methods=methods)])
    async with httpx.AsyncClient() as client, serving(app) as url:
        yield replace(patient, web=url, hosting=REWRITES)


NOT_THERE = PlainTextResponse("Page Not Found", 404)


@pytest.mark.parametrize(
    ("answers", "fixes"),
    [
        ({}, {}),
        *(
            ({"/api/conversations/1/messages": answer}, {"route add_message": MESSAGES})
            for answer in (NOT_THERE, HTMLResponse("<p>My app"), PlainTextResponse("", 405))
        ),
        (
            dict.fromkeys(("/api/conversations", "/api/conversations/1"), NOT_THERE),
            {f"route {name}_conversation": '"/api/conversations/*"' for name in ("get", "update", "delete")}
            | dict.fromkeys(("route create_conversation", "route list_conversations"), '"/api/**", "run"'),
        ),
    ],
)
async def test_what_an_apps_own_site_lacks_is_named_with_the_line_that_fixes_it(patient, answers, fixes):
    async with site(patient, answers) as theirs:
        results = await found(partial(web, theirs))
    failed = {name: result for name, result in results.items() if result.status == "FAIL"}
    assert failed.keys() == fixes.keys()
    for name, line in fixes.items():
        assert line in str(failed[name].fix)


async def test_functions_are_probed_at_their_own_addresses_before_any_site_leads_to_them(patient):
    own = dict.fromkeys([source for source, _ in rewrites()], patient.web)
    results = await found(partial(web, replace(patient, web="http://nowhere.invalid", functions=own)))
    assert set(outcome(results).values()) == {"ok"}
    assert "web page" not in results


async def test_functions_that_do_not_respond(world, monkeypatch):
    for module in (clients, conversations):
        monkeypatch.setattr(module, "RESPONSE_S", 0.2)
    over = asyncio.Event()

    async def hang(scope: object, receive: object, send: object) -> None:
        await over.wait()

    async with replaced(world, hang) as patient:
        results = await found(partial(web, patient), partial(conversation, patient))
        over.set()
    for check in ("web page", "create"):
        assert results[check].fix == hosting.FIX_WEB
        assert results[check].seen.endswith(" does not respond within 0.2 s")


async def test_another_server_instead_of_the_auth_emulator(world, patient):
    async with serving(HTMLResponse("<p>Welcome")) as url:
        other = patient.config.model_copy(update={"auth_emulator_host": url.removeprefix("http://")})
        results = await found(partial(conversation, replace(patient, token=None, config=other)))
    assert results["create"].fix == identity.FIX_EMULATOR


async def test_without_a_token_or_an_emulator_the_conversation_fails(patient):
    cloud = patient.config.model_copy(update={"auth_emulator_host": None})
    results = await found(partial(conversation, replace(patient, token=None, config=cloud)))
    assert outcome(results).pop("create") == "FAIL"  # a conversation that was not tried may not work
    assert results["create"].fix == identity.FIX_NOBODY
    assert {result.status for name, result in results.items() if name != "create"} == {"skipped"}


@pytest.mark.parametrize(
    ("init", "error", "outcomes"),
    [
        ({"apiKey": "k"}, "INVALID_LOGIN_CREDENTIALS", {"web app": "ok", "sign-in": "ok"}),
        ({"apiKey": "k"}, "TOO_MANY_ATTEMPTS_TRY_LATER : later", {"web app": "ok", "sign-in": "ok"}),
        ({"apiKey": "k"}, "CONFIGURATION_NOT_FOUND", {"web app": "ok", "sign-in": "FAIL"}),
        ({"apiKey": "k"}, "PASSWORD_LOGIN_DISABLED", {"web app": "ok", "sign-in": "FAIL"}),
        ({}, "INVALID_PASSWORD", {"web app": "FAIL", "sign-in": "skipped"}),
    ],
)
async def test_sign_in_on_the_page(monkeypatch, init, error, outcomes):
    cloud = config.load({"GOOGLE_CLOUD_PROJECT": "my-project"})
    rejected = JSONResponse({"error": {"message": error}}, 400)
    firebase = {"/__/firebase/init.json": JSONResponse(init), "/v1/accounts:signInWithPassword": rejected}
    async with serving(pages(firebase)) as url:
        monkeypatch.setattr(sign_in, "IDENTITY_TOOLKIT", url)
        results = await found(partial(sign_in.sign_in, System(cloud, url, ())))
    assert outcome(results) == outcomes
