"""What Engine.IO's protocol, version 4, says of handshake, transports, heartbeat, upgrade and close."""

import asyncio
import json
import time
from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.support.echo_server import BINARY, BRISK_PING, CONNECT_S, PING, SETTINGS, echo_server
from tests.support.link import (
    TRANSPORTS,
    PollingLink,
    WebSocketLink,
    assert_alive,
    linked,
)
from tests.support.poller import Poller, read_to_end

ECHO, ECHOED = '427["echo","hello"]', '437[{"echo":["hello"]}]'
ENDED: tuple[list[str], ...] = ([], ["1"])
"""What a session receives that ends."""
SLACK_S = 1.0
"""Seconds that a busy machine may be late."""


@pytest.fixture
async def brisk_url() -> AsyncIterator[str]:
    async with echo_server(BRISK_PING) as url:
        yield url


@pytest.fixture
async def poller(url, http) -> AsyncIterator[Poller]:
    """An admitted session that polls."""
    async with linked(http, url, "polling") as link:
        yield link.poller


REFUSED = {
    "no transport": ("GET", "EIO=4"),
    "an unknown transport": ("GET", "EIO=4&transport=abc"),
    "webtransport": ("GET", "EIO=4&transport=webtransport"),
    "no version": ("GET", "transport=polling"),
    "no number as the version": ("GET", "EIO=abc&transport=polling"),
    "an older version": ("GET", "EIO=3&transport=polling"),
    "a newer version": ("GET", "EIO=5&transport=polling"),
    "JSONP": ("GET", "EIO=4&transport=polling&j=0"),
    "no upgrade": ("GET", "EIO=4&transport=websocket"),
    "an unknown session": ("GET", "EIO=4&transport=polling&sid=unknown"),
    "data for an unknown session": ("POST", "EIO=4&transport=polling&sid=unknown"),
    "data for no session": ("POST", "EIO=4&transport=polling"),
    **{method: (method, "EIO=4&transport=polling") for method in ("PUT", "PATCH", "DELETE", "HEAD")},
}


@pytest.mark.parametrize("name", REFUSED)
async def test_a_request_that_the_protocol_does_not_know_is_a_400(url, http, name):
    method, query = REFUSED[name]
    async with http.request(method, f"{url}/socket.io/?{query}") as answer:
        assert answer.status == 400


@pytest.mark.parametrize(
    "query",
    [
        "EIO=4",
        "transport=websocket",
        "EIO=abc&transport=websocket",
        "EIO=4&transport=abc",
        "EIO=4&transport=websocket&sid=unknown",
    ],
)
async def test_a_websocket_that_the_protocol_does_not_know_is_refused(url, http, query):
    await assert_refused(http, f"{url}/socket.io/?{query}")


@pytest.mark.parametrize(
    ("method", "transport"),
    [("PUT", "polling"), ("DELETE", "polling"), ("GET", "websocket"), ("POST", "websocket"), ("GET", "abc")],
)
async def test_a_request_that_does_not_suit_its_session_changes_nothing(poller, http, method, transport):
    url = poller.url.replace("polling", transport)
    async with http.request(method, url, data="1" if method != "GET" else None) as answer:
        assert answer.status == 400
    await poller.post(ECHO)
    assert await poller.get() == (200, ECHOED)


@pytest.mark.parametrize("ping", [PING, BRISK_PING])
@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_the_open_packet_says_what_the_protocol_lists(http, transport, ping):
    async with echo_server(ping) as url:
        if transport == "polling":
            async with http.get(f"{url}/socket.io/?EIO=4&transport=polling") as answer:
                assert (answer.status, answer.content_type) == (200, "text/plain")
                opened = await answer.text()
        else:
            async with http.ws_connect(f"{url}/socket.io/?EIO=4&transport=websocket") as wire:
                opened = await wire.receive_str()
    fields = json.loads(opened.removeprefix("0"))
    sid = fields.pop("sid")
    assert isinstance(sid, str)
    assert len(sid) >= 20
    assert fields == {
        "upgrades": ["websocket"] if transport == "polling" else [],
        "pingInterval": ping[0] * 1_000,
        "pingTimeout": ping[1] * 1_000,
        "maxPayload": SETTINGS.max_payload,
    }


async def test_a_post_is_answered_ok_and_a_poll_with_every_packet(poller, http):
    numbers = range(1, 6)
    payload = "\x1e".join(f'42{number}["echo",{number}]' for number in numbers)
    async with http.post(poller.url, data=payload) as answer:
        assert (answer.status, await answer.text()) == (200, "ok")
    while poller.received.count("\x1e") < len(numbers):
        status, packets = await poller.get()
        assert status == 200
        poller.received += packets + "\x1e"
    expected = "".join(f'43{number}[{{"echo":[{number}]}}]\x1e' for number in numbers)
    assert poller.received == expected


async def test_a_post_in_chunks_is_read_like_any_other(poller):
    async def chunks():
        for part in (ECHO[:4], ECHO[4:12], ECHO[12:]):
            yield part.encode()
            await asyncio.sleep(0.02)

    assert await poller.send(chunks(), **{"Content-Type": "text/plain;charset=UTF-8"}) == 200
    assert await poller.get() == (200, ECHOED)


async def test_a_poll_waits_for_the_next_packet(poller):
    waiting = asyncio.create_task(poller.get())
    await asyncio.sleep(0.1)
    assert not waiting.done()
    await poller.post(ECHO)
    assert await waiting == (200, ECHOED)


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_payload_above_the_announced_limit_is_not_read(url, http, transport):
    async with linked(http, url, transport) as link:
        packet = f'427["echo","{"x" * SETTINGS.max_payload}"]'
        if isinstance(link, PollingLink):
            assert await link.poller.post(packet) in {400, 413}
        else:
            await link.send(packet)
            assert await link.ended() == []


async def test_a_second_poll_ends_the_session(poller):
    waiting = asyncio.create_task(poller.get())
    await asyncio.sleep(0.05)
    assert (await poller.get())[0] == 400
    assert await waiting == (200, "1")
    assert await poller.post(ECHO) == 400


async def test_a_cancelled_poll_ends_the_session(poller):
    waiting = asyncio.create_task(poller.get())
    await asyncio.sleep(0.05)
    waiting.cancel()
    await asyncio.sleep(0.05)
    assert (await poller.post(ECHO), (await poller.get())[0]) == (400, 400)


@pytest.mark.parametrize("packet", ["abc", "", "7", "9"])
@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_packet_of_an_unknown_type_ends_the_session(url, http, transport, packet):
    async with linked(http, url, transport) as link:
        await link.send(packet)
        assert await link.ended() in ENDED


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_ping_of_the_client_ends_the_session(url, http, transport):
    async with linked(http, url, transport) as link:
        await link.send("2")
        assert await link.ended() in ENDED


@pytest.mark.parametrize("waits", [True, False])
async def test_a_close_packet_ends_polling(poller, waits):
    poll = asyncio.create_task(poller.get()) if waits else None
    await asyncio.sleep(0.05)
    assert await poller.post("1") == 200
    if poll is not None:
        assert await poll == (200, "6")
    assert ((await poller.get())[0], await poller.post(ECHO)) == (400, 400)


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_binary_messages_arrive_in_order_with_the_others(url, http, transport):
    async with linked(http, url, transport) as link:
        await link.send('42["binary"]', '42["emit"]', '42["binary"]')
        assert [await link.receive() for _ in range(3)] == [BINARY, '42["emitted",{"echo":[]}]', BINARY]


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_session_that_the_server_closes_gets_what_is_queued(url, http, transport):
    async with linked(http, url, transport) as link:
        await link.send('42["emit"]', '42["close"]')
        assert (await link.ended())[0] == '42["emitted",{"echo":[]}]'


async def test_a_close_packet_closes_a_websocket(url, http):
    async with linked(http, url, "websocket") as link:
        await link.send("1")
        assert await link.ended() == []
        assert link.wire.close_code in {1000, 1005}


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_the_server_pings_at_its_interval_to_the_millisecond(brisk_url, http, transport):
    async with linked(http, brisk_url, transport) as link:
        for _ in range(3):
            begin = time.monotonic()
            assert await link.receive() == "2"
            assert BRISK_PING[0] - 0.2 <= time.monotonic() - begin <= BRISK_PING[0] + SLACK_S
            await link.send("3")
        await assert_alive(link)


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_session_that_answers_no_ping_ends(brisk_url, http, transport):
    async with linked(http, brisk_url, transport) as link:
        begin = time.monotonic()
        received = await link.ended()
        assert received[0] == "2"
        assert sum(BRISK_PING) - 0.2 <= time.monotonic() - begin <= sum(BRISK_PING) + SLACK_S
        if isinstance(link, PollingLink):
            assert await link.poller.post("3") == 400


async def test_a_session_that_nobody_polls_times_out(brisk_url, http):
    poller = Poller(http, brisk_url)
    await poller.open()
    await asyncio.sleep(sum(BRISK_PING) + 0.4)
    assert (await poller.post("3"), (await poller.get())[0]) == (400, 400)


async def upgraded(poller: Poller, wire: aiohttp.ClientWebSocketResponse) -> WebSocketLink:
    link = WebSocketLink(wire)
    await link.send("2probe")
    assert await link.receive() == "3probe"
    await link.send("5")
    return link


async def test_an_upgrade_leaves_no_stray_packet(poller, http):
    async with http.ws_connect(poller.upgrade_url) as wire:
        await assert_alive(await upgraded(poller, wire))


async def test_polls_are_released_while_the_session_upgrades(poller, http):
    waiting = asyncio.create_task(poller.get())
    await asyncio.sleep(0.05)
    async with http.ws_connect(poller.upgrade_url) as wire:
        link = WebSocketLink(wire)
        await link.send("2probe")
        assert await link.receive() == "3probe"
        assert await waiting == (200, "6")
        assert await poller.get() == (200, "6")
        await poller.post(ECHO)
        await link.send("5")
        assert await link.receive() == ECHOED
        await assert_alive(link)


async def test_an_upgraded_session_is_served_by_its_websocket_alone(poller, http):
    async with http.ws_connect(poller.upgrade_url) as wire:
        link = await upgraded(poller, wire)
        await assert_alive(link)
        assert ((await poller.get())[0], await poller.post(ECHO)) == (400, 400)
        await assert_refused(http, poller.upgrade_url)
        await assert_alive(link)


async def test_a_session_has_one_upgrade_at_a_time(poller, http):
    async with http.ws_connect(poller.upgrade_url) as wire:
        await assert_refused(http, poller.upgrade_url)
        await assert_alive(await upgraded(poller, wire))


async def assert_refused(http: aiohttp.ClientSession, url: str) -> None:
    """A WebSocket at this address is answered with a 400, or closed and sent nothing."""
    try:
        async with http.ws_connect(url) as wire:
            await wire.send_str("2probe")
            received, status = await read_to_end(wire), 400
    except aiohttp.WSServerHandshakeError as refusal:
        received, status = [], refusal.status
    assert (received, status) == ([], 400)


@pytest.mark.parametrize("sent", [["4hello"], ["2"], ["2probe", "4hello"], ["2probe"], []])
async def test_polling_goes_on_after_an_upgrade_that_fails(poller, http, sent):
    async with http.ws_connect(poller.upgrade_url) as wire:
        for packet in sent:
            await wire.send_str(packet)
        if sent and sent[-1] != "2probe":  # what is not part of an upgrade
            assert await read_to_end(wire) in ([], ["3probe"])
    await asyncio.sleep(0.05)
    await poller.post(ECHO)
    await poller.poll_until(ECHOED)
    async with http.ws_connect(poller.upgrade_url) as wire:
        await assert_alive(await upgraded(poller, wire))


async def test_the_heartbeat_goes_on_after_an_upgrade(brisk_url, http):
    poller = Poller(http, brisk_url)
    await poller.open()
    async with http.ws_connect(poller.upgrade_url) as wire:
        link = await upgraded(poller, wire)
        await link.send("40")
        assert str(await link.receive()).startswith("40{")
        assert await link.receive() == "2"
        await link.send("3")
        assert await link.ended() == ["2"]


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_session_without_a_connect_packet_ends_in_time(url, http, transport):
    async with linked(http, url, transport, connect=None) as link:
        begin = time.monotonic()
        assert await link.ended() in ENDED
        assert CONNECT_S - 0.2 <= time.monotonic() - begin <= CONNECT_S + SLACK_S
