"""The load generator counts every delivery and ends when a server is silent; the page shows its figures."""

import json
import socket
import threading
from contextlib import ExitStack

import pytest

from tests.bench import load
from tests.bench.functions.report import page
from tests.bench.runner import FOLDER
from tests.bench.sockets import BenchSocket

EVENT = b'42["message",{}]'
ACK = b'431[{"ok":true}]'
PING = b"2"
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


def serve(servers):
    """Ping everyone; then answer each message with an acknowledgement, and an event for all in two parts."""
    for one in servers:
        one.sendall(frame(PING))
    while data := servers[0].recv(READ):
        for _ in range(data.count(b'"message"')):
            for one in servers:
                event = frame(EVENT + b" " * 200)
                one.sendall(event[:3])
                one.sendall(event[3:])
            servers[0].sendall(frame(ACK))


@pytest.mark.parametrize("window", [1, 3])
def test_a_loop_counts_every_delivery_and_leaves_nothing_in_flight(window, pair):
    clients, servers = zip(*(pair() for _ in range(3)), strict=True)
    server = threading.Thread(target=serve, args=(servers,))
    server.start()
    for _ in range(2):
        found = load.run({"room": clients}, 0.05, window=window)
        assert found.sends >= window
        assert [len(received) for received in found.latencies] == [found.sends] * 3
    clients[0].close()
    server.join()


@pytest.mark.parametrize(("answer", "fault"), [(b"", "silent"), (frame(b"41"), "41")])
def test_a_server_that_breaks_off_ends_the_measurement(answer, fault, monkeypatch, pair):
    monkeypatch.setattr(load, "SILENCE_S", 0.05)
    client, server = pair()
    server.sendall(answer)
    with pytest.raises(AssertionError, match=fault):
        load.run({"room": [client]}, 0.01)


def test_the_page_of_functions_shows_the_figures_of_its_document():
    document = json.loads((FOLDER / "functions.json").read_text())
    assert (FOLDER / "functions.md").read_text() == page(document)
