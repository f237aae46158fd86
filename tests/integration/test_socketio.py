"""What Socket.IO's protocol, version 5, says of namespaces, events, acknowledgements and attachments."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.link import TRANSPORTS, assert_alive, linked

ENDED: tuple[list[str], ...] = ([], ["1"])
"""What a connection receives that ends."""
ATTACHMENT = '{"_placeholder":true,"num":0}'


@pytest.fixture(params=TRANSPORTS)
async def stranger(request, url, http) -> AsyncIterator[Any]:
    """A connection that has sent nothing yet."""
    async with linked(http, url, request.param, connect=None) as link:
        yield link


@pytest.fixture(params=TRANSPORTS)
async def link(request, url, http) -> AsyncIterator[Any]:
    """An admitted connection."""
    async with linked(http, url, request.param) as link:
        yield link


@pytest.mark.parametrize("auth", [{}, {"token": "123", "umlaut": "ü😀"}])
async def test_a_connect_packet_is_answered_with_an_id_of_its_own(url, http, auth):
    async with linked(http, url, "websocket", connect=None) as link:
        await link.send("40" + (json.dumps(auth) if auth else ""))
        answer = json.loads(str(await link.receive()).removeprefix("40"))
        assert list(answer) == ["sid"]
        assert len(answer["sid"]) >= 20
        await link.send('420["auth"]')
        assert json.loads(str(await link.receive()).removeprefix("430")) == [{"auth": auth}]


async def test_a_refused_connection_may_try_again(stranger):
    await stranger.send('40{"refuse":1}')
    assert await stranger.receive() == '44{"message":"no","data":{"code":"no"}}'
    await stranger.send("40")
    assert str(await stranger.receive()).startswith('40{"sid":')
    await assert_alive(stranger)


@pytest.mark.parametrize("packet", ["40/other", "40/other,", '40/other,{"token":"x"}'])
async def test_another_namespace_is_refused_and_nothing_else(stranger, packet):
    await stranger.send(packet)
    refusal = '44/other,{"message":"Invalid namespace"}'
    assert await stranger.receive() == refusal
    await stranger.send("40", packet)
    answers = [str(await stranger.receive()) for _ in range(2)]
    assert sorted(answers)[1] == refusal
    await assert_alive(stranger)


@pytest.mark.parametrize("pause", [0, 0.05])
async def test_a_disconnect_leaves_the_connection_for_another_connect(link, pause):
    await link.send("41")
    await asyncio.sleep(pause)
    await link.send("40")
    assert str(await link.receive()).startswith('40{"sid":')
    await assert_alive(link)


@pytest.mark.parametrize("number", ["0", "7", "456", "9007199254740991"])
@pytest.mark.parametrize("arguments", ['1,"2",{"3":[false]}', '"ü😀\\u0000"', "null"])
async def test_an_event_is_acknowledged_under_its_number(link, number, arguments):
    await link.send(f'42{number}["echo",{arguments}]')
    answer = str(await link.receive())
    assert answer.startswith(f"43{number}[")
    assert json.loads(answer.removeprefix(f"43{number}")) == [{"echo": json.loads(f"[{arguments}]")}]


async def test_an_event_without_a_number_is_not_acknowledged(link):
    await link.send('42["echo",1]', '42["emit",1,"2"]')
    assert await link.receive() == '42["emitted",{"echo":[1,"2"]}]'
    await assert_alive(link)


async def test_the_namespace_may_be_spelled_out(link):
    await link.send('42/,7["echo",1]')
    assert await link.receive() == '437[{"echo":[1]}]'


async def test_an_acknowledgement_that_nobody_awaits_is_ignored(link):
    await link.send('431["x"]')
    await assert_alive(link)


BROKEN = {
    "an unknown type": "4abc",
    "a type that is no digit": "4-",
    "no type": "4",
    "a number above the types": "47",
    "an object as an event": "42{}",
    "a text as an event": '42"echo"',
    "an event without a name": "42[]",
    "a name that is no text": '42[{"a":1}]',
    "broken JSON": '42["echo"',
    "JSON and more": '42["echo"]x',
    "a bad number": '42abc["echo",1]',
    "a negative number": '42-1["echo",1]',
    "a broken acknowledgement": "431{}",
    "a second connect": "40",
    "a disconnect with a payload": "41{}",
    "a client's refusal": '44{"message":"no"}',
    "no number of attachments": '45["echo"]',
    "no attachments": '450-["echo"]',
    "a negative number of attachments": '45-1-["echo"]',
    "a broken number of attachments": '451x-["echo"]',
    "too many attachments": '4599999999999-["echo"]',
    "an event of another namespace": '42/other,["echo"]',
    "a disconnect of another namespace": "41/other,",
    "an unannounced attachment": b"\x01\x02\x03",
}


@pytest.mark.parametrize("name", BROKEN)
async def test_a_malformed_packet_ends_the_connection_at_once(link, name):
    await link.send(BROKEN[name])
    async with asyncio.timeout(1):
        assert await link.ended() in ENDED


@pytest.mark.parametrize(
    "packet",
    [
        '40{"token"',
        '421["echo",1]',
        '42["echo",1]',
        "431[]",
        "41",
        '451-["echo"]',
        '42/other,["echo"]',
        b"\x01",
    ],
)
async def test_a_packet_before_the_connect_ends_the_connection(stranger, packet):
    await stranger.send(packet, *([b"\x01"] if packet == '451-["echo"]' else []))
    async with asyncio.timeout(0.4):  # before the server's patience ends
        assert await stranger.ended() in ENDED


@pytest.mark.parametrize("count", [1, 2])
async def test_a_binary_event_is_refused_once_and_its_attachments_are_not_kept(link, count):
    arguments = ",".join([ATTACHMENT] * count)
    for number in ("", "8"):  # one that asks for no acknowledgement, one that does
        await link.send(f'45{count}-{number}["echo",{arguments}]', *[b"\x01\x02\x03"] * count)
    refusal = str(await link.receive())
    assert refusal.startswith('438[{"error":')
    await assert_alive(link)


async def test_a_binary_acknowledgement_is_swallowed(link):
    await link.send(f"461-8[{ATTACHMENT}]", b"\x01\x02\x03")
    await assert_alive(link)


@pytest.mark.parametrize("before", [0, 1])
async def test_a_text_before_the_last_attachment_ends_the_connection(link, before):
    await link.send(f'452-["echo",{ATTACHMENT},{ATTACHMENT}]', *[b"\x01"] * before, '427["echo",1]')
    async with asyncio.timeout(1):
        assert await link.ended() in ENDED
