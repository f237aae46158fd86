"""Connections that bring more than is read of one in a turn."""

import asyncio
from functools import partial
from socket import socketpair

from confab.realtime.reading import READ_BYTES, SmallReads

READS = 8


async def test_connections_that_bring_much_are_read_in_turns():
    reads: list[tuple[str, int]] = []

    class Reader(SmallReads):
        def __init__(self, name: str) -> None:
            self._name = name

        def data_received(self, data: bytes) -> None:
            assert data == self._name.encode() * len(data)
            reads.append((self._name, len(data)))

    loop, pairs = asyncio.get_running_loop(), {name: socketpair() for name in ("a", "b")}
    for name, (sender, _) in pairs.items():
        sender.sendall(name.encode() * (READS * READ_BYTES))
    made = [
        await loop.connect_accepted_socket(partial(Reader, name), receiver)
        for name, (_, receiver) in pairs.items()
    ]
    async with asyncio.timeout(10):
        while len(reads) < 2 * READS:
            await asyncio.sleep(0)
    assert {size for _, size in reads} == {READ_BYTES}
    assert {name for name, _ in reads[:READS]} == {"a", "b"}
    for transport, _ in made:
        transport.abort()
    for sender, _ in pairs.values():
        sender.close()
