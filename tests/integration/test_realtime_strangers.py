"""What connections without a token may send to an instance, and what that costs."""

import asyncio
import gzip
import logging
import time
import zlib

import aiohttp
import pytest
from pydantic_core import from_json

from confab import log
from confab.realtime import container, engine, packets, polling, transport
from tests.support.instance import Instance
from tests.support.poller import Poller, connect, event, read_to_end

QUIET_S = 0.5


@pytest.fixture
async def instance(monkeypatch):
    monkeypatch.setattr(container, "IDLE_S", QUIET_S)
    monkeypatch.setattr(container, "REFUSED_BODY_S", QUIET_S)
    running = Instance()
    await running.start()
    yield running
    await running.close()


def websocket(http: aiohttp.ClientSession, instance: Instance):
    return http.ws_connect(f"{instance.url}/socket.io/?EIO=4&transport=websocket", max_msg_size=0)


def sized(size: int) -> str:
    """A handshake of this size, without the Engine.IO message's type."""
    return connect(x="y" * (size - len(connect(x="")) + 1))


async def answers(wire: aiohttp.ClientWebSocketResponse) -> list[str]:
    """The first two characters of each packet until the connection is closed, or silent for a second."""
    texts: list[str] = []
    try:
        while True:
            message = await wire.receive(timeout=1)
            if message.type is not aiohttp.WSMsgType.TEXT:
                return [*texts, "closed"]
            texts.append(message.data[:2])
    except TimeoutError:
        return texts


@pytest.mark.parametrize(("over", "received"), [(0, ["0{", "44"]), (1, ["0{", "1", "closed"])])
async def test_a_handshake_is_measured_before_it_is_parsed(instance, http, over, received):
    async with websocket(http, instance) as wire:
        await wire.send_str(sized(engine.STRANGER_BYTES + over))
        assert await answers(wire) == received


@pytest.mark.parametrize("packet", ["3", "40", "42", "45", "b4", "4"])
async def test_a_large_packet_of_any_type_closes_a_connection_that_is_not_admitted(instance, http, packet):
    async with websocket(http, instance) as wire:
        await wire.send_str(packet + "A" * 100_000)
        assert (await answers(wire))[-1] == "closed"


async def test_the_json_of_a_large_packet_is_never_parsed(instance, http, monkeypatch):
    parsed = []

    def parse(text, **options):
        parsed.append(text)
        return from_json(text, **options)

    monkeypatch.setattr(packets, "from_json", parse)
    async with websocket(http, instance) as wire:
        await wire.send_str(sized(engine.STRANGER_BYTES))
        await wire.send_str(sized(engine.STRANGER_BYTES + 1))
        assert (await answers(wire))[-1] == "closed"
    assert len(parsed) == 1
    async with websocket(http, instance) as wire:
        await wire.send_str(connect("alice"))
        await wire.send_str('427["message","' + "x" * 300_000 + '"]')
        assert await answers(wire) == ["0{", "40", "43"]
    assert len(parsed) == 2


async def test_a_connection_has_three_handshakes(instance, http):
    async with websocket(http, instance) as wire:
        for _ in range(4):
            await wire.send_str(connect("forged"))
        assert await answers(wire) == ["0{", "44", "44", "44", "closed"]
    assert instance.container.sessions.all() == ()


async def test_the_third_handshake_may_succeed(instance, http):
    async with websocket(http, instance) as wire:
        for token in ("forged", "expired", "alice"):
            await wire.send_str(connect(token))
        assert await answers(wire) == ["0{", "44", "44", "40"]


async def test_a_connection_that_sends_no_handshake_is_closed(instance, http, monkeypatch):
    monkeypatch.setattr(transport, "CONNECT_S", 0.3)
    poller = Poller(http, instance.url)
    await poller.open()
    async with http.ws_connect(poller.upgrade_url) as upgrade, websocket(http, instance) as wire:
        assert await read_to_end(upgrade) == []
        assert [text[:2] for text in await read_to_end(wire)] == ["0{"]
    assert await poller.post(connect()) == 400
    assert not instance.container.transport.eio.sockets


@pytest.mark.parametrize("packet", ['42["join",{}]', "4x", "43[]", "41", "451-[]", '42/other,["x"]'])
async def test_before_its_handshake_a_connection_may_send_nothing_else(instance, http, packet):
    async with websocket(http, instance) as wire:
        await wire.send_str(packet)
        assert (await answers(wire))[-1] == "closed"


@pytest.mark.parametrize(
    ("packet", "received"),
    [(connect(), ["closed"]), ("41", ["closed"]), ("40/other,{}", ["44"]), ("43[]", [])],
)
async def test_an_admitted_socket_leaves_or_asks_for_other_namespaces(instance, http, packet, received):
    async with websocket(http, instance) as wire:
        await wire.send_str(connect())
        assert [(await wire.receive_str())[:2] for _ in range(2)] == ["0{", "40"]
        await wire.send_str(packet)
        assert await answers(wire) == received
        assert bool(instance.container.sessions.all()) == (received != ["closed"])


async def test_an_admitted_socket_may_send_larger_packets(instance, http):
    async with websocket(http, instance) as wire:
        await wire.send_str(connect())
        for number, size in ((1, 300_000), (2, 200_000)):
            await wire.send_str(event("message", number, x="y" * size))
        assert await answers(wire) == ["0{", "40", "43", "43"]


async def test_a_second_poll_ends_the_session(instance, http):
    poller = Poller(http, instance.url)
    await poller.open()
    first = asyncio.create_task(poller.get())
    await asyncio.sleep(0.1)
    assert (await poller.get())[0] == 400
    assert await first == (200, "1")
    assert (await poller.get())[0] == 400
    assert not instance.container.transport.eio.sockets


async def test_a_thousand_polls_of_a_session_are_answered_at_once(instance, http):
    poller = Poller(http, instance.url)
    await poller.open()
    async with asyncio.timeout(10):
        statuses = [status for status, _ in await asyncio.gather(*(poller.get() for _ in range(1_000)))]
    assert sorted(set(statuses)) == [200, 400]
    assert statuses.count(200) == 1


async def pieces(*parts: bytes):
    for part in parts:
        yield part
        await asyncio.sleep(0.02)


async def test_a_chunked_post_is_read(instance, http):
    poller = Poller(http, instance.url)
    await poller.open()
    text = connect().encode()
    assert await poller.send(pieces(text[:5], text[5:])) == 200
    await poller.poll_until('40{"sid"')


async def test_a_chunked_post_is_bounded_before_the_handshake(instance, http):
    poller = Poller(http, instance.url)
    await poller.open()
    assert await poller.send(pieces(*[b"4" * 4_096] * 5)) == 400


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(connect().encode(), mtime=0)),
        ("deflate", zlib.compress(connect().encode())),
        ("br", b"x"),
        ("gzip", b"garbage"),
        ("identity, gzip", gzip.compress(b"40", mtime=0)),
    ],
)
async def test_an_encoded_body_is_refused(instance, http, caplog, encoding, body):
    poller = Poller(http, instance.url)
    await poller.open()
    assert await poller.send(body, **{"Content-Encoding": encoding}) == 400
    assert not instance.container.transport.eio.sockets
    assert alarms(caplog.records) == []


async def test_the_identity_encoding_is_accepted(instance, http):
    poller = Poller(http, instance.url)
    await poller.open()
    assert await poller.send(connect().encode(), **{"Content-Encoding": "Identity"}) == 200


GET = b"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize("sent", [b"", b"G", GET, GET + b"X-Half: ", GET + b"\r\n"])
async def test_a_silent_connection_is_closed(instance, sent):
    reader, writer = await asyncio.open_connection(*instance.address)
    writer.write(sent)
    async with asyncio.timeout(4 * QUIET_S):
        await reader.read()
        assert await reader.read() == b""
    writer.close()


async def test_a_head_that_arrives_byte_by_byte_is_not_awaited(instance):
    reader, writer = await asyncio.open_connection(*instance.address)
    writer.write(GET)
    closed = asyncio.create_task(reader.read())
    started = time.monotonic()
    while not closed.done() and time.monotonic() - started < 10 * QUIET_S:
        writer.write(b"X")
        await asyncio.sleep(QUIET_S / 5)
    assert time.monotonic() - started < 4 * QUIET_S
    writer.close()


POST = b"POST /socket.io/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: x\r\n"
LENGTHS = {
    "a length": b"Content-Length: 100\r\n\r\n4",
    "chunks": b"Transfer-Encoding: chunked\r\n\r\n64\r\n4",
}


@pytest.mark.parametrize("framing", LENGTHS)
async def test_a_body_that_stalls_is_not_awaited(instance, http, monkeypatch, framing):
    monkeypatch.setattr(polling, "POST_S", QUIET_S)
    poller = Poller(http, instance.url)
    await poller.open()
    reader, writer = await asyncio.open_connection(*instance.address)
    writer.write(POST.replace(b"%s", poller.sid.encode()) + LENGTHS[framing])
    async with asyncio.timeout(container.REFUSED_BODY_S + 4 * QUIET_S):
        assert (await reader.read()).startswith(b"HTTP/1.1 400")
    writer.close()


MALFORMED = {
    "a long query": b"GET /socket.io/?a=" + b"a" * 9_000 + b" HTTP/1.1\r\n\r\n",
    "a long header": GET + b"X: " + b"a" * 9_000 + b"\r\n\r\n",
    "no method": b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
    "a second request's method": GET + b"\r\n" + b"G@T / HTTP/1.1\r\n\r\n",
    "two lengths": POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "a length and chunks": POST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a bad chunk": POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n",
    "a bad second chunk": POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\n4\r\nzz\r\n",
    "a header with NUL": GET + b"X: a\0b\r\n\r\n",
    "no UTF-8": POST + b"Content-Length: 2\r\n\r\n4\xff",
    "another version": b"GET /socket.io/?EIO=3&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n",
    "no session": b"GET /socket.io/?EIO=4&transport=polling&sid=x HTTP/1.1\r\nHost: x\r\n\r\n",
    "another transport": b"GET /socket.io/?EIO=4&transport=carrier-pigeon HTTP/1.1\r\nHost: x\r\n\r\n",
    "a bad index": b"GET /socket.io/?EIO=4&transport=polling&j=x HTTP/1.1\r\nHost: x\r\n\r\n",
    "no upgrade": b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n\r\n",
    "a foreign origin": GET + b"Origin: http://evil.example\r\n\r\n",
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_a_malformed_request_logs_no_error(instance, http, caplog, name):
    poller = Poller(http, instance.url)
    await poller.open()
    reader, writer = await asyncio.open_connection(*instance.address)
    writer.write(MALFORMED[name].replace(b"%s", poller.sid.encode()))
    async with asyncio.timeout(4):
        assert (await reader.read()).startswith(b"HTTP/1.")
    writer.close()
    assert alarms(caplog.records) == []


def alarms(records: list[logging.LogRecord]) -> list[tuple[str, str]]:
    """What a process with the logging of `confab.log` writes as an ERROR."""
    written = [record for record in records if record.levelno >= log.LEVELS.get(record.name, 0)]
    calm = [record for record in written if log.downgrade_client_errors(record)]
    return [(record.name, record.getMessage()) for record in calm if record.levelno >= logging.ERROR]
