"""An instance with many sockets is asked to end, as a platform does when it scales down or deploys."""

import asyncio
import json
import time
from contextlib import suppress
from socket import create_server
from typing import Any

import httpx
from websockets.exceptions import ConnectionClosed

from confab.domain.models import current_time
from tests.faults.subscriptions import subscriptions
from tests.support.clients import DeafSocket
from tests.support.processes import Server
from tests.support.samples import conversation
from tests.support.system import System
from tests.support.users import user
from tests.support.waiting import until
from tests.support.wire import WireSocket

SOCKETS = 400
BUSY = 20
AT_A_TIME = 20
GONE_WITHIN_S = 8.0
SPREAD_MS = 2_000


async def crowd(instance: Server, room: str) -> list[WireSocket]:
    """Many sockets; the first ones are in the room."""
    sockets: list[WireSocket] = []
    token = user("alice").token
    for _ in range(0, SOCKETS, AT_A_TIME):
        connecting = [WireSocket.connected(instance.url, {"token": token}) for _ in range(AT_A_TIME)]
        sockets += await asyncio.gather(*connecting)
    for socket in sockets[:BUSY]:
        assert (await socket.call("join", {"conversationId": room, "after": 0}))["ok"]
    return sockets


async def talk(socket: WireSocket, room: str, acknowledged: list[Any]) -> None:
    """Send until the socket is closed."""
    while True:
        try:
            ack = await socket.call("message", {"conversationId": room, "content": "on and on"})
        except ConnectionClosed:
            return
        assert ack["ok"]
        acknowledged.append(ack["message"])


def watch(url: str, seen: list[int]) -> None:
    """Note what `/readyz` answers, again and again, until nobody is there: beside the loop of the sockets."""
    with httpx.Client(trust_env=False) as http, suppress(httpx.TransportError):
        while True:
            seen.append(http.get(f"{url}/readyz").status_code)
            time.sleep(0.005)


async def until_draining(url: str) -> None:
    """Until `/readyz` says that the instance drains; fails if it is gone before it says so."""
    missing: list[str] = []
    async with httpx.AsyncClient(trust_env=False, timeout=1) as http:
        while missing != ["draining"]:
            with suppress(httpx.ReadTimeout):  # it asked the parts that answer nothing
                missing = (await http.get(f"{url}/readyz")).json()["missing"]


async def test_an_instance_with_hundreds_of_sockets_takes_its_leave(tmp_path):
    async with System.running(tmp_path) as site:
        room = (await site.store.create(conversation("busy"), None, now=current_time())).conversation.id
        instance = await site.instance("realtime")
        await instance.serves()
        sockets = await crowd(instance, room)
        assert len(await subscriptions(site.bus.address)) == 1
        acknowledged: list[Any] = []
        talking = [asyncio.create_task(talk(socket, room, acknowledged)) for socket in sockets[:3]]
        while len(acknowledged) < 20:
            await asyncio.sleep(0.01)

        seen: list[int] = []
        watching = asyncio.create_task(asyncio.to_thread(watch, instance.url, seen))
        await until(lambda: 200 in seen)
        asked = time.monotonic()
        instance.ask_to_end()
        assert await instance.exit_code() == 0
        took = time.monotonic() - asked
        assert took < GONE_WITHIN_S
        async with asyncio.timeout(GONE_WITHIN_S):
            await asyncio.gather(*talking, *(socket.reading for socket in sockets))

        farewells = [socket.of("going_away") for socket in sockets]
        assert all(len(each) == 1 for each in farewells)
        pauses = [each[0]["reconnectAfterMs"] for each in farewells]
        tenths = {pause * 10 // SPREAD_MS for pause in pauses}
        assert tenths == set(range(10)), "they do not all come back at once"
        await watching
        unready = seen.index(503) if 503 in seen else len(seen)  # it may be gone before it is asked again
        assert set(seen[unready:]) <= {503}
        assert await subscriptions(site.bus.address) == []
        log = [entry.wire() for entry in await site.log(room)]
        assert all(message in log for message in acknowledged)
        for socket in sockets[:BUSY]:
            got = socket.of("message")
            assert got == log[: len(got)]


async def test_an_instance_takes_its_leave_of_parts_that_answer_nothing(tmp_path):
    with create_server(("127.0.0.1", 0)) as collector:
        async with System.running(tmp_path) as site:
            stored = await site.store.create(conversation("dead"), None, now=current_time())
            room = stored.conversation.id
            instance = await site.instance(
                "realtime",
                OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{collector.getsockname()[1]}",
                OTEL_BSP_MAX_EXPORT_BATCH_SIZE="16",  # there are many to send
            )
            await instance.serves()
            auth = {"token": user("alice").token, "conversationId": room}
            talker = await WireSocket.connected(instance.url, auth)
            async with DeafSocket.connected(instance.url) as deaf:
                await deaf.say("40" + json.dumps(auth))
                await deaf.read_until("joined")
                for _ in range(100):
                    message = {"conversationId": room, "content": "x" * 30_000}
                    assert (await talker.call("message", message))["ok"]
                talking = asyncio.create_task(talk(talker, room, []))
                site.bus.freeze()
                await asyncio.sleep(0.2)
                site.store_server.freeze()
                asked = time.monotonic()
                instance.ask_to_end()
                await until_draining(instance.url)
                assert await instance.exit_code() == 0
                assert time.monotonic() - asked < GONE_WITHIN_S
            await talking
            assert talker.of("going_away")
            site.store_server.thaw()
            site.bus.thaw()
