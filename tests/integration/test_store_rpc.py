"""Calls to servers that answer late, in pieces, wrongly, or not at all."""

import asyncio
from typing import Any, cast

import pytest
from cbor2 import CBORTag
from websockets.asyncio.server import ServerConnection

from confab.store import codec, rpc
from confab.store.rpc import NotSent, ServerError, Socket, SocketLost
from tests.support.rpc_server import answer, connected, echo, server

TIMED_OUT = {"kind": "TimedOut", "details": {"duration": CBORTag(14, [30, 0])}}
"""With a duration, for which Confab has no type."""


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
