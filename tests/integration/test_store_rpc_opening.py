"""How the store's socket opens, and why it does not."""

import asyncio
import gc
import ssl
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from websockets.asyncio.server import ServerConnection
from websockets.uri import parse_uri

from confab.store.rpc import Socket, SocketLost
from tests.support.certificates import self_signed
from tests.support.rpc_server import SOON_S, echo, server


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


async def test_a_server_behind_tls_is_believed_if_its_certificate_is(tmp_path, monkeypatch):
    key = ec.generate_private_key(ec.SECP256R1())
    signed = self_signed(key, "store", x509.IPAddress(ip_address("127.0.0.1")))
    file = tmp_path / "store.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    async with asyncio.timeout(SOON_S), server(echo, ssl=context) as url:
        with pytest.raises(ssl.SSLCertVerificationError):
            await Socket.open(url)
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
        socket = await Socket.open(url)
        assert await socket.call("query", [1]) == [1]
        await socket.close()
