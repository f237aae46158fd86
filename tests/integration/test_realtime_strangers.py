"""What connections without a token may send to an instance, and what that costs."""

import asyncio
import gzip
import logging
import zlib
from urllib.parse import urlsplit

import aiohttp
import pytest
from pydantic_core import from_json

from confab import log
from confab.realtime import container
from confab.realtime.socketio import connection, packets, polling
from tests.hostile.attacks.malformed import UPGRADE
from tests.hostile.raw import POLLING, WEBSOCKET
from tests.hostile.raw import http as http_request
from tests.support.poller import Poller, connect, escaped, event, read_to_end
from tests.support.world import World

QUIET_S = 0.25


@pytest.fixture
async def world(store_server, bus_server, monkeypatch):
    monkeypatch.setattr(container, "IDLE_S", QUIET_S)
    monkeypatch.setattr(container, "REFUSED_BODY_S", QUIET_S)
    async with World(store_server, bus_server, cells=("main",)).running() as world:
        yield world


@pytest.fixture
async def stranger(world, http) -> Poller:
    """A polling socket that has sent no handshake."""
    poller = Poller(http, world.urls[0])
    await poller.open()
    return poller


def websocket(http: aiohttp.ClientSession, world: World):
    return http.ws_connect(f"{world.urls[0]}/socket.io/?EIO=4&transport=websocket", max_msg_size=0)


def sized(size: int) -> str:
    """A handshake of this size, without the Engine.IO message's type."""
    return connect(x="y" * (size - len(connect(x="")) + 1))


async def answers(wire: aiohttp.ClientWebSocketResponse) -> list[str]:
    """The first two characters of each packet until the connection is closed, or silent for a while."""
    texts: list[str] = []
    try:
        while True:
            message = await wire.receive(timeout=QUIET_S)
            if message.type is not aiohttp.WSMsgType.TEXT:
                return [*texts, "closed"]
            texts.append(message.data[:2])
    except TimeoutError:
        return texts


ENDED = ["closed"]
ADMITTED = connect()
SAID: dict[str, tuple[list[str | bytes], list[str]]] = {
    "the largest handshake": ([sized(connection.STRANGER_BYTES)], ["44"]),
    "a larger one": ([sized(connection.STRANGER_BYTES + 1)], ENDED),
    "a fourth handshake": ([connect("forged")] * 4, ["44", "44", "44", "closed"]),
    "a good third one": ([connect("forged"), connect("expired"), ADMITTED], ["44", "44", "40"]),
    **{f"a large {packet}": ([packet + "A" * 100_000], ENDED) for packet in ("3", "40", "42", "45", "4")},
    "a large b4": (["b4" + "A" * 100_000], ["closed"]),
    "an event after a disconnect": ([ADMITTED, "41", event("join")], ["40", "closed"]),
    **{f"{packet} once admitted": ([ADMITTED, packet], ["40", *ENDED]) for packet in "06"},
    "large events once admitted": (
        [ADMITTED, event("message", 1, x="y" * 300_000), event("message", 2, x="y" * 200_000)],
        ["40", "43", "43"],
    ),
}
"""What a connection sends, and what it gets."""


@pytest.mark.parametrize("name", SAID)
async def test_a_connection_may_send_little_that_clients_do_not(world, http, caplog, name):
    sent, received = SAID[name]
    async with websocket(http, world) as wire:
        for packet in sent:
            await (wire.send_str(packet) if isinstance(packet, str) else wire.send_bytes(packet))
        assert await answers(wire) == ["0{", *received]
        admitted = "40" in received and "closed" not in received
        assert world.sockets() == admitted
    assert alarms(caplog.records) == []


@pytest.mark.parametrize("letter", ["a", "я", "😀"])
async def test_what_a_limit_allows_fits_into_a_packet_however_json_spells_it(world, http, poller, letter):
    most, size = world.adapters[0].config, len(letter.encode())
    fields = {
        "conversationId": await world.conversation(),
        "content": letter * (most.max_content_bytes // size),
        "metadata": {"k": letter * ((most.max_metadata_bytes - 8) // size)},
    }
    packet = f'421["message",{escaped(fields)}]'
    async with websocket(http, world) as wire:
        await wire.send_str(ADMITTED)
        await wire.send_str(packet)
        assert [await wire.receive_str() for _ in range(3)][2].startswith('431[{"ok":true')
    assert await poller.post(packet) == 200
    await poller.poll_until('431[{"ok":true')


async def test_the_json_of_a_large_packet_is_never_parsed(world, http, monkeypatch):
    parsed = []

    def parse(text, **options):
        parsed.append(text)
        return from_json(text, **options)

    monkeypatch.setattr(packets, "from_json", parse)
    for sent, count in (
        ([sized(connection.STRANGER_BYTES), sized(connection.STRANGER_BYTES + 1)], 1),
        ([connect(), '427["message","' + "x" * 300_000 + '"]'], 2),
        (['40{"token":' + "[]," * 400 + "1}"], 2),
        ([connect(), '427["message",' + "[]," * 8_000 + "1]"], 3),
        ([connect(), '427["message",[' + '"",' * 20_000 + "1]]"], 4),
    ):
        async with websocket(http, world) as wire:
            for packet in sent:
                await wire.send_str(packet)
            await answers(wire)
        assert len(parsed) == count


async def test_a_connection_that_sends_no_handshake_is_closed(world, http):
    world.connect_within(0.3)
    poller = Poller(http, world.urls[0])
    await poller.open()
    async with http.ws_connect(poller.upgrade_url) as upgrade, websocket(http, world) as wire:
        assert await read_to_end(upgrade) == []
        assert [text[:2] for text in await read_to_end(wire)] == ["0{"]
    assert await poller.post(connect()) == 400


async def test_hundreds_of_polls_of_a_session_are_answered_at_once_and_end_it(world, stranger):
    async with asyncio.timeout(20):
        polled = await asyncio.gather(*(stranger.get() for _ in range(400)))
    assert [answer for answer in polled if answer[0] != 400] == [(200, "1")]
    assert world.connections(0) == 0


async def pieces(*parts: bytes):
    for part in parts:
        yield part
        await asyncio.sleep(0.02)


HANDSHAKE = connect().encode()
BODIES = {
    "in chunks": (lambda: pieces(HANDSHAKE[:5], HANDSHAKE[5:]), {}, 200),
    "in pieces": (
        lambda: pieces(HANDSHAKE[:5], HANDSHAKE[5:]),
        {"Content-Length": str(len(HANDSHAKE))},
        200,
    ),
    "in too many chunks": (lambda: pieces(*[b"4" * 4_096] * 5), {}, 400),
    "as itself": (lambda: HANDSHAKE, {"Content-Encoding": "Identity"}, 200),
    "gzip": (lambda: gzip.compress(HANDSHAKE, mtime=0), {"Content-Encoding": "gzip"}, 400),
    "deflate": (lambda: zlib.compress(HANDSHAKE), {"Content-Encoding": "deflate"}, 400),
    "brotli": (lambda: b"x", {"Content-Encoding": "br"}, 400),
    "garbage": (lambda: b"garbage", {"Content-Encoding": "gzip"}, 400),
    "encoded twice": (lambda: gzip.compress(b"40", mtime=0), {"Content-Encoding": "identity, gzip"}, 400),
}
"""How a body is sent, and the status of its response."""


@pytest.mark.parametrize("how", BODIES)
async def test_a_body_is_read_whole_bounded_and_never_unpacked(world, stranger, caplog, how):
    body, headers, status = BODIES[how]
    assert await stranger.send(body(), **headers) == status
    if status == 200:
        await stranger.poll_until('40{"sid"')
        await stranger.post("1")
    else:
        assert world.connections(0) == 0
    assert alarms(caplog.records) == []


GET = b"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n"
POST = b"POST /socket.io/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: x\r\n"


async def opened(world: World) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A bare connection to the instance."""
    address = urlsplit(world.urls[0])
    return await asyncio.open_connection(address.hostname, address.port)


async def answer(world: World, sent: bytes, stranger: Poller) -> bytes:
    """What comes back for these bytes until the connection is closed."""
    reader, writer = await opened(world)
    writer.write(sent.replace(b"%s", stranger.sid.encode()))
    async with asyncio.timeout(container.REFUSED_BODY_S + 4 * QUIET_S):
        received = await reader.read()
    writer.close()
    return received


STALLED = {
    "nothing": (b"", b""),
    "a letter": (b"G", b""),
    "half a head": (GET, b""),
    "half a header": (GET + b"X-Half: ", b""),
    "a poll and no other request": (GET + b"\r\n", b"HTTP/1.1 200"),
    "a part of a body": (POST + b"Content-Length: 100\r\n\r\n4", b"HTTP/1.1 400"),
    "a part of a chunk": (POST + b"Transfer-Encoding: chunked\r\n\r\n64\r\n4", b"HTTP/1.1 400"),
}
"""What a connection sends before it stalls, and how the answer begins."""


@pytest.mark.parametrize("name", STALLED)
async def test_a_connection_that_stalls_is_closed(world, stranger, monkeypatch, name):
    monkeypatch.setattr(polling, "POST_S", QUIET_S)
    sent, begin = STALLED[name]
    received = await answer(world, sent, stranger)
    assert received.startswith(begin)
    assert bool(received) == bool(begin)


async def test_a_head_that_arrives_byte_by_byte_is_not_awaited(world):
    reader, writer = await opened(world)
    writer.write(GET)
    closed = asyncio.create_task(reader.read())
    async with asyncio.timeout(4 * QUIET_S):
        while not closed.done():
            writer.write(b"X")
            await asyncio.sleep(QUIET_S / 5)
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
    "an expectation of a path that is none": http_request("GET", "/", {"Expect": "\xff"}),
    **{
        f"an {name} that is no text": http_request(method, POLLING, {name: "\xff"})
        for method, name in (
            ("GET", "Expect"),
            ("GET", "Origin"),
            ("OPTIONS", "Access-Control-Request-Headers"),
        )
    },
    **{
        f"a WebSocket's {name} that is no text": http_request("GET", WEBSOCKET, UPGRADE | {name: "\xff"})
        for name in ("Upgrade", "Sec-WebSocket-Key", "Sec-WebSocket-Version")
    },
    "a foreign origin": GET + b"Origin: http://evil.example\r\n\r\n",
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_a_malformed_request_logs_no_error(world, stranger, caplog, name):
    assert (await answer(world, MALFORMED[name], stranger)).startswith(b"HTTP/1.")
    assert alarms(caplog.records) == []


async def test_whoever_expects_to_go_on_and_leaves_logs_no_error(world, caplog):
    _, writer = await opened(world)
    writer.write(GET + b"Expect: 100-continue\r\n\r\n")
    writer.close()
    await asyncio.sleep(QUIET_S)
    assert alarms(caplog.records) == []


async def test_protocols_that_a_websocket_offers_are_not_logged(world, stranger, caplog):
    offer = UPGRADE | {"Sec-WebSocket-Protocol": "secret", "Sec-WebSocket-Version": "0"}
    assert b" 400 " in await answer(world, http_request("GET", WEBSOCKET, offer), stranger)
    levels = log.LEVELS
    logged = [
        each.getMessage() for each in caplog.records if each.levelno >= levels.get(each.name, levels[""])
    ]
    assert "secret" not in "".join(logged)


def alarms(records: list[logging.LogRecord]) -> list[tuple[str, str]]:
    """What a process with the logging of `confab.log` writes as an ERROR."""
    written = [record for record in records if record.levelno >= log.LEVELS.get(record.name, 0)]
    calm = [record for record in written if log.downgrade_client_errors(record)]
    return [(record.name, record.getMessage()) for record in calm if record.levelno >= logging.ERROR]
