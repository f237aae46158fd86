"""The life of a socket: handshake, events, limits, expiry, and the drain of its instance."""

import asyncio

import pytest

from confab.realtime.socketio import gate
from tests.support.clients import code
from tests.support.poller import Poller, connect
from tests.support.waiting import until
from tests.support.world import ORIGIN, World


def logged(caplog, message):
    """The request id and the code of each line with this message."""
    return [(record.requestId, record.code) for record in caplog.records if record.message == message]


@pytest.mark.parametrize(
    ("auth", "expected"),
    [
        (None, "unauthenticated"),
        ({}, "unauthenticated"),
        ({"token": ""}, "unauthenticated"),
        ("alice", "unauthenticated"),
        ({"token": 5}, "invalid_request"),
        ({"token": "alice", "extra": 1}, "invalid_request"),
        ({"token": "alice", "after": -1}, "invalid_request"),
        ({"token": "expired"}, "token_expired"),
    ],
)
async def test_a_refused_handshake_has_a_code_and_is_logged(world, caplog, auth, expected):
    caplog.set_level("INFO", "confab")
    client = await world.refused(auth)
    assert client.refusal["data"]["code"] == expected
    assert logged(caplog, "socket event") == [(client.refusal["data"]["requestId"], expected)]
    assert world.sockets() == 0


ROOM = {"conversationId": "c1"}
WRONG = {
    "no object": ("join", None),
    "text": ("join", "text"),
    "a list": ("join", [1, 2]),
    "two arguments": ("join", (ROOM, "two")),
    "an unknown field": ("join", ROOM | {"limit": 5}),
    "the library's own event": ("connect", {}),
    "the library's other event": ("disconnect", {}),
    "bytes": ("message", b"binary"),
    "bytes inside": ("message", ROOM | {"content": b"binary"}),
}


async def test_invalid_events_are_acknowledged_and_do_not_end_the_socket(world):
    room = await world.conversation()
    alice = await world.client("alice", 0, room)
    for name, (event, payload) in WRONG.items():
        assert code(await alice.call(event, payload)) == "invalid_request", name
    assert code(await alice.join(room, after=1)) == "invalid_request"
    assert (await alice.call("message", {"conversationId": room, "content": "still here"}))["ok"]


BROKEN = (
    '["message",{"content":"cut \\ud83d"}]',
    f'["join",{"[" * 300 + "]" * 300}]',
    '["join",{"a":1,"a":2}]',
)


async def test_json_that_is_not_taken_does_not_end_the_socket(world):
    room = await world.conversation()
    alice = await world.client("alice", 0, room)
    for number, broken in enumerate(BROKEN, 900):  # each asks for an acknowledgement
        answered = asyncio.get_running_loop().create_future()
        alice.sio.callbacks["/"] = {number: answered.set_result}
        await alice.sio.eio.send(f"2{number}{broken}")
        assert code(await asyncio.wait_for(answered, 15)) == "invalid_request"
    alice.sio.callbacks.clear()
    await alice.sio.eio.send("2[1,2]")
    assert (await alice.call("message", {"conversationId": room, "content": "still here"}))["ok"]


async def test_a_refused_join_does_not_change_a_live_socket(world):
    room = await world.conversation()
    alice = await world.client("alice", 0, room)
    await world.rest_message(room, "one")
    await alice.until(lambda c: c.seqs() == [1])
    assert code(await alice.join(room, after=99)) == "invalid_request"
    await world.rest_message(room, "two")
    with world.broken_store():
        assert code(await alice.join(room)) == "internal"
    await world.rest_message(room, "three")
    await alice.until(lambda c: c.seqs() == [1, 2, 3])


async def test_the_rooms_of_a_socket_and_the_sockets_of_a_user_are_limited(world):
    rooms = [await world.conversation() for _ in range(3)]
    alice = await world.client("alice", 0)
    assert [(await alice.join(room))["ok"] for room in rooms] == [True, True, False]
    assert (await alice.join(rooms[0]))["ok"]
    await alice.call("leave", {"conversationId": rooms[0]})
    assert (await alice.join(rooms[2]))["ok"]
    more = [await world.client("alice", 0) for _ in range(3)]
    refused = await world.refused({"token": "alice"})
    assert (refused.refusal["data"]["code"], refused.refusal["data"]["retryAfter"]) == ("rate_limited", 5)
    await more[0].close()
    await world.client("alice", 0)
    for client in (alice, *more):
        await client.close()
    await until(lambda: (world.sockets(), world.rooms()) == (1, 0))


@pytest.mark.parametrize("kind", ["websocket", "polling"])
async def test_a_socket_renews_its_token_or_is_closed(world, kind):
    room = await world.conversation()
    alice = await world.client("alice", 0, room, transports=(kind,))
    assert code(await alice.call("auth", {"token": "bob"})) == "forbidden"
    assert code(await alice.call("auth", {"token": "expired"})) == "token_expired"
    renewed = await alice.call("auth", {"token": "alice"})
    assert (renewed["ok"], renewed["expiresAt"]) == (True, world.expires_at())
    world.expire_in(0.3)
    assert (await alice.call("auth", {"token": "alice"}))["ok"]
    await alice.until(lambda c: c.of("auth_expired") == [{}])
    await asyncio.wait_for(alice.closed.wait(), 15)
    await until(lambda: world.sockets() == 0)


async def test_a_foreign_origin_is_not_served(world):
    await world.client("alice", 0, origin="http://127.0.0.1:5000")
    with pytest.raises(Exception, match=r"40\d|Unexpected|refused|Connection error"):
        await world.client("alice", 0, origin="https://evil.example")


POLLING = "/socket.io/?EIO=4&transport=polling"
EVIL = "https://evil.example"
UNKNOWN_HERE = gate.SESSION_UNKNOWN._asdict()


@pytest.mark.parametrize("path", [POLLING, POLLING.replace("polling", "websocket"), POLLING + "&sid=x"])
async def test_a_foreign_origin_learns_which_setting_lacks_it(world, http, caplog, path):
    for _ in range(3):
        async with http.get(world.urls[0] + path, headers={"Origin": EVIL}) as answer:
            assert (answer.status, answer.content_type) == (403, "application/problem+json")
            assert "Access-Control-Allow-Origin" not in answer.headers
            problem = await answer.json()
    assert problem["code"] == "forbidden"
    assert problem["detail"] == f"The origin {EVIL} is not among CONFAB_ALLOWED_ORIGINS."
    lines = [line for line in caplog.records if line.name == gate.__name__]
    assert [(line.levelname, line.origin, line.code) for line in lines] == [
        ("WARNING", EVIL, "forbidden")
    ] * 3


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_long_polling_over_two_instances_says_so_at_the_first_failure(world, http, caplog, method):
    poller = Poller(http, world.urls[0])
    await poller.open()
    elsewhere = poller.url.replace(*world.urls)
    for _ in range(3):
        async with http.request(method, elsewhere, data=b"", headers={"Origin": ORIGIN}) as answer:
            assert (answer.status, await answer.json()) == (400, UNKNOWN_HERE)
            assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert len([line for line in caplog.records if line.name == gate.__name__]) == 3
    assert await poller.post(connect()) == 200


@pytest.mark.parametrize(("origin", "allowed"), [(ORIGIN, True), (EVIL, False)])
async def test_a_page_whose_sockets_fail_can_ask_whether_its_origin_is_why(world, http, origin, allowed):
    async with http.get(f"{world.urls[0]}/health", headers={"Origin": origin}) as answer:
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert await answer.json() == {"status": "alive", "originAllowed": allowed}


async def test_a_page_may_poll_with_whatever_headers_its_libraries_add(world, http):
    wanted = "baggage,sentry-trace,traceparent,x-firebase-appcheck"
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": wanted}
    async with http.options(world.urls[0] + POLLING, headers={"Origin": ORIGIN, **asked}) as answer:
        assert answer.status == 200
        assert answer.headers["Access-Control-Allow-Headers"] == wanted
        assert {"GET", "POST"} <= set(answer.headers["Access-Control-Allow-Methods"].split(", "))


@pytest.mark.parametrize(("alive", "ready"), [("health", "ready"), ("healthz", "readyz")])
async def test_health(world, http, alive, ready):
    async with http.get(f"{world.urls[0]}/{alive}") as answer:
        assert answer.status == 200
    async with http.get(f"{world.urls[0]}/{ready}") as answer:
        assert (answer.status, (await answer.json())["missing"]) == (200, [])


@pytest.mark.parametrize("kind", ["websocket", "polling"])
async def test_a_container_notifies_its_sockets_before_it_stops(world, kind):
    room = await world.conversation()
    alice = await world.client("alice", 1, room, transports=(kind,))
    await world.stop(1)
    going = alice.of("going_away")[0]
    assert going["reason"] == "shutdown"
    assert 0 <= going["reconnectAfterMs"] <= 2_000
    await asyncio.wait_for(alice.closed.wait(), 15)


async def test_a_user_renews_and_joins_so_often_and_is_told_when_to_go_on(store_server, bus_server):
    rates = {"CONFAB_RENEWALS_PER_10S": "3", "CONFAB_READS_PER_10S": "2"}
    async with World(store_server, bus_server, cells=("main",), env=rates).running() as world:
        room = await world.conversation()
        alice = await world.client("alice", 0, room)
        assert (await alice.join(room))["ok"]
        assert [(await alice.call("auth", {"token": "alice"}))["ok"] for _ in range(3)] == [True, True, False]
        for event, payload in (("join", {"conversationId": room}), ("auth", {"token": "alice"})):
            refused = (await alice.call(event, payload))["error"]
            assert (refused["code"], 1 <= refused["retryAfter"] <= 10) == ("rate_limited", True)
        assert (await world.refused({"token": "alice"})).refusal["data"]["code"] == "rate_limited"
        assert (await world.client("bob", 0)).sio.connected
