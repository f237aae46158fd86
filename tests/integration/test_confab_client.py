"""The Python client against two real instances and the functions, with faults between them."""

import asyncio
import math
from collections.abc import Callable
from contextlib import suppress

import jwt
import pytest
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from confab.wiring import Adapters
from confab_client import Confab, ConfabError, Room, client, tokens
from confab_client.connection import Connection
from confab_client.follower import MOST_WAITING
from confab_client.models import Draft, Entry, Finalized, Message
from tests.support.lost_answers import losing_proxy
from tests.support.probes import serving, system
from tests.support.pubsub import closed_port
from tests.support.waiting import until

pytestmark = pytest.mark.usefixtures("quick_sweeps")


def token_of(user: str) -> Callable:
    async def token() -> str:
        await asyncio.sleep(0)
        return user

    return token


@pytest.fixture
async def confab(world, monkeypatch):
    """Makes the client of a user."""
    monkeypatch.setattr(client, "ROOMS", 2)  # as many as the instances allow on a socket
    clients = []
    async with system(world.env, world.urls) as site:

        def confab(user: str = "alice", **options) -> Confab:
            clients.append(Confab(site.web, token_of(user), **options))
            return clients[-1]

        yield confab
        for one in clients:
            await one.aclose()


async def read(room: Room, last: int = 0) -> list[int]:
    """The numbers of the entries up to this one, or to the end."""
    seqs = []
    async for entry in room:
        if isinstance(entry, Entry):
            seqs.append(entry.seq)
            if entry.seq == last:
                break
    return seqs


async def code_of(call) -> str:
    with pytest.raises(ConfabError) as raised:
        await call
    return raised.value.code


async def test_every_operation(confab):
    alice, bob = confab("alice"), confab("bob")
    members = ["bob", ("rita", "read")]
    made, again = [await alice.create("support", members, title="x", key="k") for _ in range(2)]
    assert again == made
    assert [(m.user_id, m.access) for m in made.members] == [("bob", "write"), ("rita", "read")]
    draft = Draft(client_message_id="m1", role="system", metadata={})
    first = await alice.add_message(made.id, "hi", **draft)
    assert await alice.add_message(made.id, "hi", **draft) == first
    edited = await alice.edit_message(made.id, 1, content="ho")
    assert (first.content, edited.content, edited.version) == ("hi", "ho", 2)
    assert (await alice.delete_message(made.id, 1)).deleted_at is not None
    assert (await alice.update(made.id, title=None, metadata={})).title is None
    assert (await alice.set_member(made.id, "rita", "write")).members[1].access == "write"
    assert (await alice.remove_member(made.id, "rita")).members == made.members[:1]
    assert await bob.remove_member(made.id, "bob") is None
    others = {(await alice.create()).id for _ in range(2)}
    assert {made.id, *others} <= {one.id async for one in alice.conversations(limit=1)}
    assert (await alice.finalize(made.id)).finalized_at is not None
    kinds = ["message", *["message_changed"] * 2, *["conversation_changed"] * 4, "finalized"]
    assert [one.kind async for one in alice.read_log(made.id)] == kinds
    page = await alice.get(made.id, limit=1, before=9)
    assert ([one.seq for one in page.messages], page.conversation.status) == ([1], "finalized")
    await alice.delete(made.id)
    with pytest.raises(ConfabError) as gone:
        await alice.get(made.id)
    assert (gone.value.code, gone.value.status, bool(gone.value.request_id)) == ("not_found", 404, True)
    with pytest.raises(ConfabError) as wrong:
        await alice.create("party")
    assert wrong.value.errors[0]["path"] == "type"
    assert await code_of(alice.erase_me()) == "forbidden"  # nobody signed in just now


@pytest.mark.parametrize("fault", ["stop", "cut", "delay", "deaf", "bus"])
async def test_a_room_is_followed_through_faults(world, confab, fault):
    alice, bob = confab("alice"), confab("bob")
    room = (await alice.create(members=["bob"])).id
    async with losing_proxy(int(world.urls[0].rpartition(":")[2])) as proxy:
        live = bob.follow(room, 0, realtime_url=f"http://127.0.0.1:{proxy.port}")
        reading = asyncio.create_task(read(live))
        for n in range(1, 31):
            await alice.add_message(room, str(n))
            if n == 10 and fault == "stop":
                await world.stop(0)
                proxy._server_port = int(world.urls[1].rpartition(":")[2])
            elif n % 10 == 5 and fault == "cut":
                proxy.lose_next_answer()
            elif n == 10 and fault == "delay":
                proxy.hold_answers()
                asyncio.get_running_loop().call_later(1, proxy.pass_answers)
            elif n == 10 and fault == "deaf":
                world.deafen(0)
            elif n == 10 and fault == "bus":
                await world.silence_bus()
        await alice.finalize(room)
        assert await asyncio.wait_for(reading, 20) == list(range(1, 32))
        assert proxy.lost == (3 if fault == "cut" else 0)


async def test_a_slow_loop_and_a_loop_that_raises(world, confab):
    alice = confab("alice")
    rooms = [(await alice.create()).id for _ in range(3)]
    following = [alice.follow(one, 0, realtime_url=world.urls[0]) for one in (*rooms, rooms[0])]
    for one in following:
        await one.__aenter__()
    assert [len(one.rooms) for one in alice._connections] == [2, 2]
    last = 2 * MOST_WAITING + 100
    for n in range(0, last, 50):
        await asyncio.gather(*(world.rest_message(rooms[0], "x" * 300) for _ in range(n, n + 50)))
    with suppress(ZeroDivisionError):
        async for _ in following[0]:
            raise ZeroDivisionError
    assert await asyncio.wait_for(read(following[3], last), 30) == list(range(1, last + 1))
    await following[1].typing()
    sent = await following[1].send("still here", metadata={"a": 1})
    assert (await anext(aiter(following[1]))) == sent
    await following[2].aclose()
    await until(lambda: world.sockets() <= 1)


async def test_what_ends_a_room_and_what_is_erased(world, confab):
    alice, bob = confab("alice"), confab("bob")
    rooms = [(await alice.create(members=["bob"])).id for _ in range(3)]
    removed, deleted, lasting = [bob.follow(one, 0) for one in rooms]
    await bob.add_message(rooms[2], "forget me")
    reading = [asyncio.create_task(read(one)) for one in (removed, deleted)]
    stream = aiter(lasting)
    assert isinstance(await anext(stream), Message)
    await alice.remove_member(rooms[0], "bob")
    await alice.delete(rooms[1])
    assert [await code_of(asyncio.wait_for(one, 15)) for one in reading] == ["removed", "deleted"]
    assert await code_of(read(bob.follow(rooms[0], 0))) == "not_found"
    reader = aiter(alice.follow(rooms[2], 1))
    later = asyncio.create_task(anext(reader))
    await asyncio.sleep(0.5)
    await world.rest.eraser.erase("bob")
    kinds = {(await asyncio.wait_for(later, 15)).kind, (await anext(reader)).kind}
    assert kinds == {"erased", "conversation_changed"}
    await alice.finalize(rooms[2])
    assert isinstance(await asyncio.wait_for(anext(reader), 15), Finalized)
    with pytest.raises(StopAsyncIteration):
        await anext(reader)


async def test_a_client_that_is_closed_ends_its_rooms(world, confab):
    alice = confab("alice")
    room = alice.follow((await alice.create()).id, 0)
    await room.__aenter__()
    reading = asyncio.create_task(read(room))
    await asyncio.sleep(0)
    await alice.aclose()
    assert await code_of(asyncio.wait_for(reading, 15)) == "closed"
    await until(lambda: world.sockets() == 0)


async def test_a_room_goes_on_when_its_token_ends(world, confab):
    alice = confab("alice")
    room = (await alice.create()).id
    world.expire_in(0.5)
    reading = asyncio.create_task(read(alice.follow(room, 0), 5))
    for _ in range(5):
        await asyncio.sleep(0.3)
        world.expire_in(0.5)
        await world.rest_message(room, "x")
    world.expire_in(3600)  # a busy machine reads what is left later than the last token ends
    assert await asyncio.wait_for(reading, 15) == [1, 2, 3, 4, 5]


async def test_a_token_that_ends_is_final_only_if_those_after_it_are_refused_too():
    told: list[ConfabError] = []
    one = Connection("http://127.0.0.1:9", tokens.Tokens(token_of("alice")), told.append)
    ended = ConfabError("token_expired", "The ID token has expired, and this socket is being closed.")
    for error in [ConfabError("network", "gone")] * 4 + [ended] * 2:
        await one.failed(error, math.inf)
    with pytest.raises(ConfabError, match="token_expired"):
        await one.failed(ended, math.inf)


async def test_a_room_that_cannot_be_followed_tells_why_and_is_tried_so_often(confab, caplog):
    problems = []

    def told(error):
        problems.append(error.code)
        raise ZeroDivisionError

    alice = confab("alice", on_problem=told)
    made = await alice.create()
    away = alice.follow(made.id, 0, realtime_url=f"http://{closed_port()}", attempts=4)
    assert await code_of(read(away)) == "network"
    assert problems == ["network"] * 2
    assert "on_problem raised" in caplog.text
    assert await code_of(read(alice.follow(made.id, 99, attempts=1))) == "invalid_request"


async def test_a_call_is_repeated_as_the_same_where_that_helps():
    asked: list[Request] = []
    bodies = []
    answers: list[Response] = [
        HTMLResponse("a gateway's page", 502),
        JSONResponse({"code": "rate_limited"}, 429, {"Retry-After": "1"}, "application/problem+json"),
        JSONResponse({"code": "token_expired"}, 401, media_type="application/problem+json"),
        HTMLResponse("another server"),
    ]

    async def app(scope, receive, send):
        request = Request(scope, receive)
        bodies.append(await request.body())
        asked.append(request)
        await answers[len(asked) - 1](scope, receive, send)

    issued = iter(range(9))

    async def token() -> str:
        return f"token-{next(issued)}"

    async with serving(app) as url, Confab(url, token, attempts=9) as alice:
        assert await code_of(alice.add_message("c1", "hi")) == "bad_response"
    assert len(set(bodies)) == 1
    assert [one.headers["authorization"][-1] for one in asked] == ["0", "0", "0", "1"]


async def test_an_app_check_token_goes_with_each_call_and_handshake(confab, monkeypatch):
    given = []

    async def require_app(_adapters, _caller, app_check_token):
        await asyncio.sleep(0)
        given.append(app_check_token)

    monkeypatch.setattr(Adapters, "require_app", require_app)
    alice = confab("alice", get_app_check_token=token_of("app"))
    async with alice.follow((await alice.create()).id, 0):
        assert given == ["app"] * 3  # to create, to ask for the address, to connect


async def test_a_response_that_is_lost_changes_nothing(confab):
    alice = confab("alice")
    async with losing_proxy(alice._http.base_url.port) as proxy:
        bob = Confab(f"http://127.0.0.1:{proxy.port}", token_of("bob"))
        room = (await alice.create(members=["bob"])).id
        proxy.lose_next_answer()
        assert (await bob.add_message(room, "once")).seq == 1
        proxy.lose_next_answer()
        assert await bob.remove_member(room, "bob") is None
        assert (await alice.get(room)).conversation.seq == 2
        assert proxy.lost == 2
        await bob.aclose()


async def test_a_token_is_fetched_once_by_its_own_length_and_a_failure_may_pass():
    fetched: list[None] = []

    async def token() -> str:
        fetched.append(None)
        await asyncio.sleep(0.05)
        if len(fetched) == 2:
            raise OSError("away")
        return jwt.encode({"iat": 0, "exp": 2_000, "n": len(fetched)}, "", "none")  # by whatever clock

    mine = tokens.Tokens(token)
    first, *others = await asyncio.gather(*(mine.current() for _ in range(5)))
    assert ([first] * 4, len(fetched)) == (others, 1)
    assert 1_690 < mine.renew_in < 1_700
    mine._renew_at = 0.0
    assert await mine.current() == first  # what failed is tried again in a while
    assert 0 < mine.renew_in <= tokens.AGAIN_S
    assert await mine.replace(first)
    assert await mine.replace(first)  # somebody else has
    assert len(fetched) == 3


async def test_a_socket_renews_its_token(world, confab, monkeypatch):
    monkeypatch.setattr(tokens, "LONGEST_S", 0.5)
    world.expire_in(2)
    alice = confab("alice")
    room = alice.follow((await alice.create()).id, 0)
    await room.__aenter__()
    here = alice._connections[0]._sio
    for _ in range(6):
        await asyncio.sleep(0.4)
        world.expire_in(2)
    assert alice._connections[0]._sio is here
    await room.aclose()
