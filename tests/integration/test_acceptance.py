"""The acceptance of a proof, on two real instances and the functions instead of a deployment."""

import asyncio
from dataclasses import replace
from functools import partial

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from infra.probes import acceptance as acceptances
from infra.probes import sign_in
from infra.probes.acceptance import Extent, acceptance, require_each_once
from infra.probes.clients import http_client
from infra.probes.identity import Identity
from infra.probes.probe import Failure
from tests.support.lost_answers import losing_proxy
from tests.support.probes import found, outcome, serving, system

BRIEF = Extent(socket_s=2.0, every_s=0.05, idle_s=0.0, messages=4)


async def test_messages_arrive_at_both_instances_and_over_every_cut_of_the_socket(world):
    async with (
        losing_proxy(int(world.urls[0].rpartition(":")[2])) as proxy,
        system(world.env, world.urls) as here,
    ):
        through = replace(here, realtime=(f"http://127.0.0.1:{proxy.port}", world.urls[1]))
        group = acceptance(through, BRIEF)
        async with group as probes:
            trial = {probe.name: probe for probe in probes}
            assert "4 messages at both" in await trial["two instances"].run()
            asyncio.get_running_loop().call_later(1, proxy.lose_next_answer)
            seen = await trial["one socket's room"].run()
    assert proxy.lost == 1
    assert "joined again 1 times" in seen
    assert "each once and in order" in seen


async def test_every_function_and_instance_is_timed_after_the_silence(world):
    async with system(world.env, world.urls) as here:
        results = await found(partial(acceptance, here, replace(BRIEF, socket_s=0.2)))
    assert set(outcome(results).values()) == {"ok"}
    cold = [name.removeprefix("cold start ") for name in results if name.startswith("cold start ")]
    assert cold[-2:] == list(world.urls)
    assert {"/api/conversations/*/messages", "/api/me", "/api/**"} <= set(cold)


async def test_a_socket_that_nothing_cuts_within_the_limit_proves_nothing(world, monkeypatch):
    monkeypatch.setattr(acceptances, "CUT_S", 0.1)
    async with system(world.env, world.urls) as here:
        results = await found(partial(acceptance, here, replace(BRIEF, socket_s=0.3)))
    assert results["one socket's room"].fix == acceptances.FIX_CUT


@pytest.mark.parametrize("seqs", [[1, 2], [1, 2, 2, 3], [1, 3, 2], [2, 3, 4]], ids=str)
def test_a_message_that_is_lost_repeated_or_out_of_order_fails(seqs):
    with pytest.raises(Failure, match="3 were sent"):
        require_each_once(seqs, 3)


async def test_a_user_in_the_cloud_signs_up_is_renewed_and_is_deleted(world, monkeypatch):
    """By the page's key; the same user each time, because only members read a room."""
    asked = []

    async def firebase(request: Request) -> JSONResponse:
        if request.method == "GET":
            return JSONResponse({"apiKey": "the-key"})
        body = await request.json()
        asked.append((request.url.path.partition(":")[2], request.query_params["key"], body.get("email")))
        return JSONResponse({"idToken": f"token {len(asked)}"})

    app = Starlette(routes=[Route("/{path:path}", firebase, methods=["GET", "POST"])])
    async with serving(app) as url, system(world.env, world.urls) as here, http_client() as client:
        monkeypatch.setattr(sign_in, "IDENTITY_TOOLKIT", url)
        cloud = here.config.model_copy(update={"auth_emulator_host": None})
        identity = Identity(replace(here, config=cloud, web=url, token=None, signs_up=True), client)
        assert [await identity.token(), await identity.token()] == ["token 1", "token 2"]
        await identity.end()
    assert [(action, key) for action, key, _ in asked] == [
        (action, "the-key") for action in ("signUp", "signInWithPassword", "delete")
    ]
    assert asked[0][2] == asked[1][2]
