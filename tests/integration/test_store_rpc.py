"""The store's socket against servers that answer late, in pieces, wrongly, or not at all."""

import asyncio
import gc
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from ipaddress import ip_address
from pathlib import Path
from typing import Any, cast

import pytest
from cbor2 import CBORTag
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from confab.store import codec, rpc
from confab.store.rpc import NotSent, ServerError, Socket, SocketLost

Handler = Callable[[ServerConnection], Awaitable[None]]
SOON_S = 5.0
TIMED_OUT = {"kind": "TimedOut", "details": {"duration": CBORTag(14, [30, 0])}}
"""With a duration, for which Confab has no type."""


@asynccontextmanager
async def server(handler: Handler, **options: Any) -> AsyncIterator[str]:
    """A WebSocket server that does as the handler does; its address."""
    async with serve(handler, "127.0.0.1", 0, subprotocols=[Subprotocol("cbor")], **options) as listening:
        port = listening.sockets[0].getsockname()[1]
        yield f"{'wss' if 'ssl' in options else 'ws'}://127.0.0.1:{port}"


@asynccontextmanager
async def connected(handler: Handler) -> AsyncIterator[Socket]:
    """A socket with such a server."""
    async with asyncio.timeout(SOON_S), server(handler) as url:
        socket = await Socket.open(url)
        try:
            yield socket
        finally:
            socket.abort()


def answer(call: bytes | str, **fields: Any) -> bytes:
    """What a server says to a call."""
    assert isinstance(call, bytes)
    return codec.encode({"id": codec.decode(call)["id"], **fields})


async def echo(connection: ServerConnection) -> None:
    """Answer each call with its parameters."""
    async for call in connection:
        assert isinstance(call, bytes)
        await connection.send(answer(call, result=codec.decode(call)["params"]))


async def silent(connection: ServerConnection) -> None:
    """Hear, and say nothing."""
    async for _ in connection:
        pass


async def test_a_call_is_one_message_and_its_result_another():
    async with server(echo) as url:
        for address in (url, f"{url}/", f"{url}/rpc"):
            socket = await Socket.open(address)
            assert await socket.call("query", ["x", {"y": None}]) == ["x", {"y": None}]
            await socket.close()
            assert not socket.alive


class Foreign:
    """A transport of an event loop that does not build on asyncio's classes, as uvloop's does not."""

    def __init__(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


async def test_any_event_loop_will_do(monkeypatch):
    made = Socket.connection_made
    monkeypatch.setattr(
        Socket, "connection_made", lambda socket, it: made(socket, cast("asyncio.BaseTransport", Foreign(it)))
    )
    async with connected(echo) as socket:
        assert await socket.call("query", [1]) == [1]


async def test_answers_in_another_order_and_in_pieces_reach_their_calls():
    async def backwards(connection: ServerConnection) -> None:
        calls = [await connection.recv() for _ in range(3)]
        for call in reversed(calls):
            assert isinstance(call, bytes)
            whole = answer(call, result=codec.decode(call)["params"])
            await connection.send([whole[:3], whole[3:5], whole[5:]])
        await connection.wait_closed()

    async with connected(backwards) as socket:
        results = await asyncio.gather(*(socket.call("query", [number]) for number in range(3)))
    assert results == [[0], [1], [2]]


async def test_a_caller_that_gives_up_leaves_the_others_undisturbed():
    async def later(connection: ServerConnection) -> None:
        first, second = await connection.recv(), await connection.recv()
        await connection.send(answer(first, result="late"))
        await connection.send(answer(second, result="mine"))
        await connection.wait_closed()

    async with connected(later) as socket:
        given_up = asyncio.create_task(socket.call("query", []))
        await asyncio.sleep(0)
        given_up.cancel()
        assert await socket.call("query", []) == "mine"
        assert socket.alive


@pytest.mark.parametrize(
    ("error", "words", "kind", "detail", "name"),
    [
        (
            {"message": "no", "kind": "Query", "details": {"kind": "TransactionConflict"}},
            "no",
            "Query",
            "TransactionConflict",
            "ServerError Query",
        ),
        ({"code": -32000, "message": "no", "details": None}, "no", "", "", "ServerError"),
        (
            {
                "message": "late",
                "kind": "Query",
                "details": TIMED_OUT,
            },
            "late",
            "Query",
            "TimedOut",
            "ServerError Query",
        ),
        ("nothing but text", "nothing but text", "", "", "ServerError"),
    ],
)
async def test_an_error_in_an_answer_is_raised(error, words, kind, detail, name):
    async def refusing(connection: ServerConnection) -> None:
        async for call in connection:
            await connection.send(answer(call, error=error))

    async with connected(refusing) as socket:
        with pytest.raises(ServerError) as raised:
            await socket.call("query", [])
        assert socket.alive
    assert (str(raised.value), raised.value.kind, raised.value.detail) == (words, kind, detail)
    assert raised.value.name == name


@pytest.mark.parametrize(
    "said",
    [b"\xff", codec.encode({"result": 1}), codec.encode([1]), codec.encode("text"), "no bytes"],
    ids=["broken", "no id", "a list", "a text", "a text frame"],
)
async def test_an_answer_that_nobody_can_read_ends_every_call(said, caplog):
    async def odd(connection: ServerConnection) -> None:
        await connection.recv()
        await connection.send(said)
        await connection.wait_closed()

    async with connected(odd) as socket:
        results = await asyncio.gather(
            *(socket.call("query", ["a secret"]) for _ in range(3)), return_exceptions=True
        )
        assert [type(one) for one in results] == [SocketLost] * 3
        assert not socket.alive
    assert "what nobody can read" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize("goodbye", [True, False])
async def test_a_server_that_goes_away_ends_every_call(goodbye):
    async def leaving(connection: ServerConnection) -> None:
        await connection.recv()
        if not goodbye:
            connection.transport.abort()

    async with connected(leaving) as socket:
        with pytest.raises(SocketLost) as raised:
            await socket.call("query", [])
        assert type(raised.value) is SocketLost
        with pytest.raises(NotSent):
            await socket.call("query", [])


async def test_what_breaks_the_protocol_of_websockets_ends_every_call():
    async def broken(connection: ServerConnection) -> None:
        await connection.recv()
        connection.transport.write(b"\xff\xff\xff\xff")
        await connection.wait_closed()

    async with connected(broken) as socket:
        with pytest.raises(SocketLost):
            await socket.call("query", [])


async def test_a_server_that_refuses_is_told_apart_from_none():
    def refuse(connection: ServerConnection, _: object) -> Any:
        return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "Not now.\n")

    async with server(echo, process_request=refuse) as url:
        with pytest.raises(SocketLost) as raised:
            await Socket.open(url)
    assert "503" in str(raised.value.__cause__)
    with pytest.raises(OSError, match="Connect"):
        await Socket.open(url)


async def test_a_server_that_speaks_no_http_is_refused():
    async def babble(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\x00\x01\x02\r\n\r\n")
        writer.close()

    listening = await asyncio.start_server(babble, "127.0.0.1", 0)
    async with listening, asyncio.timeout(SOON_S):
        with pytest.raises(SocketLost):
            await Socket.open(f"ws://127.0.0.1:{listening.sockets[0].getsockname()[1]}")


async def test_who_has_given_up_when_it_is_lost_is_not_reported():
    loop = asyncio.get_running_loop()
    complaints: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    listening = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with listening:
        port = listening.sockets[0].getsockname()[1]
        uri = parse_uri(f"ws://127.0.0.1:{port}/rpc")
        transport, socket = await loop.create_connection(lambda: Socket(uri), "127.0.0.1", port)
        transport.abort()  # nobody awaits `opened`
        await socket.close()
        del socket
        gc.collect()
        await asyncio.sleep(0)
    assert complaints == []


async def test_who_gives_up_while_it_opens_leaves_nothing_behind():
    arrived = asyncio.Event()
    left = asyncio.Event()

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.set()
        try:
            while await reader.read(1024):
                pass
        except ConnectionError:
            pass
        left.set()
        writer.close()

    listening = await asyncio.start_server(mute, "127.0.0.1", 0)
    async with listening, asyncio.timeout(SOON_S):
        opening = asyncio.create_task(Socket.open(f"ws://127.0.0.1:{listening.sockets[0].getsockname()[1]}"))
        await arrived.wait()
        opening.cancel()
        await left.wait()
        assert opening.cancelled()


@pytest.mark.parametrize("url", ["ws://", "http://127.0.0.1", "ws://127.0.0.1:port"])
async def test_what_is_no_address_is_refused(url):
    with pytest.raises(SocketLost, match="no address"):
        await Socket.open(url)


async def test_a_server_that_gives_no_sign_of_life_is_gone(monkeypatch):
    monkeypatch.setattr(rpc, "BEAT_S", 0.05)
    over = asyncio.Event()

    async def stalling(connection: ServerConnection) -> None:
        await connection.recv()
        connection.transport.pause_reading()  # it hears no ping any more
        await over.wait()
        connection.transport.abort()

    async with connected(stalling) as socket:
        with pytest.raises(SocketLost):
            await socket.call("query", [])
        over.set()


async def test_a_server_that_gives_signs_of_life_may_take_its_time(monkeypatch):
    monkeypatch.setattr(rpc, "BEAT_S", 0.05)

    async def slow(connection: ServerConnection) -> None:
        call = await connection.recv()
        await asyncio.sleep(0.4)
        await connection.send(answer(call, result="done"))
        await connection.wait_closed()

    async with connected(slow) as socket:
        assert await socket.call("query", []) == "done"


async def test_closing_is_heard_by_the_server_and_ends_the_calls():
    codes: list[int | None] = []

    async def noting(connection: ServerConnection) -> None:
        await silent(connection)
        codes.append(connection.close_code)

    async with connected(noting) as socket:
        waiting = asyncio.create_task(socket.call("query", []))
        await asyncio.sleep(0)
        await socket.close()
        with pytest.raises(SocketLost):
            await waiting
        await socket.close()  # again: nothing is left to do
    assert codes == [1005]


def certificate(folder: Path) -> Path:
    """A key and a certificate for 127.0.0.1 that it signed itself, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "store")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "store.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return file


async def test_a_server_behind_tls_is_believed_if_its_certificate_is(tmp_path, monkeypatch):
    file = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    async with asyncio.timeout(SOON_S), server(echo, ssl=context) as url:
        with pytest.raises(ssl.SSLCertVerificationError):
            await Socket.open(url)
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
        socket = await Socket.open(url)
        assert await socket.call("query", [1]) == [1]
        await socket.close()
