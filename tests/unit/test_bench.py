"""The benchmark counts every delivery, reports its ratios, and ends when a server is silent."""

import json
import socket
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.bench import load
from tests.bench.functions import results
from tests.bench.load import Loop, Room
from tests.bench.sockets import BenchSocket

EVENT = b'42["message",{}]'
ACK = b'431[{"ok":true}]'
READ = 65_536


def frame(payload):
    size = len(payload)
    length = bytes([size]) if size < 126 else bytes([126]) + size.to_bytes(2)
    return b"\x81" + length + payload


@pytest.fixture
def pair():
    """Makes a client and the server's end of its socket."""
    with ExitStack() as ends:

        def connect():
            ours, theirs = socket.socketpair()
            ends.enter_context(theirs)
            client = BenchSocket(ours)
            ends.callback(client.close)
            return client, theirs

        yield connect


def test_frames_are_counted_however_they_are_cut_and_a_ping_is_not(pair):
    client, server = pair()
    counted = [0, 0]
    for byte in frame(EVENT) + frame(ACK) + frame(b"2") + frame(EVENT + b" " * 200):
        server.send(bytes([byte]))
        for index, count in enumerate(client.receive()):
            counted[index] += count
    assert counted == [2, 1]
    assert server.recv(READ).endswith(b"3")


def test_any_other_packet_ends_the_measurement(pair):
    client, server = pair()
    server.send(frame(b"41"))
    with pytest.raises(AssertionError, match="41"):
        client.receive()


def serve(servers):
    """Answer whatever the first socket sends: an acknowledgement for it, an event for everyone."""
    while data := servers[0].recv(READ):
        for _ in range(data.count(b'"message"')):
            for one in servers:
                one.sendall(frame(EVENT))
            servers[0].sendall(frame(ACK))


@pytest.mark.parametrize("window", [1, 3])
def test_a_loop_counts_every_delivery_and_leaves_nothing_in_flight(window, pair):
    clients, servers = zip(*(pair() for _ in range(3)), strict=True)
    server = threading.Thread(target=serve, args=(servers,))
    server.start()
    room = Room("room", clients)
    loop = Loop([room], window=window)
    for _ in range(2):
        found = loop.run(0.05)
        assert found.sends >= window
        assert found.deliveries == 3 * found.sends == len(found.latencies)
        assert not room.due
    clients[0].close()
    server.join()


def test_a_silent_server_ends_the_measurement(monkeypatch, pair):
    monkeypatch.setattr(load, "SILENCE_S", 0.05)
    client, _server = pair()
    with pytest.raises(AssertionError, match="silent"):
        Loop([Room("room", [client])], window=1).run(0.01)


def test_the_page_of_functions_is_that_of_their_figures():
    folder = Path(__file__).parents[2] / "docs/benchmarks"
    document = json.loads((folder / "functions.json").read_text())
    assert (folder / "functions.md").read_text() == results.page(document)
