"""The benchmark counts what comes over a socket, says what it found, and cannot run for ever."""

import json
import socket
import threading
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.bench import load, report
from tests.bench.functions import results
from tests.bench.load import Loop, Room
from tests.bench.plan import summary
from tests.bench.report import Result
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


def test_frames_are_counted_however_they_are_cut(pair):
    client, server = pair()
    wire = frame(EVENT) + frame(ACK) + frame(EVENT + b" " * 200)
    counted = [0, 0]
    for byte in wire:
        server.send(bytes([byte]))
        for index, count in enumerate(client.receive()):
            counted[index] += count
    assert counted == [2, 1]


def test_a_ping_is_answered_and_counts_for_nothing(pair):
    client, server = pair()
    server.send(frame(b"2") + frame(EVENT))
    assert client.receive() == (1, 0)
    assert server.recv(READ).endswith(b"3")


def test_anything_else_that_a_server_says_ends_the_measurement(pair):
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
def test_a_loop_counts_every_delivery_and_leaves_nothing_under_way(window, pair):
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


TALK = {name: 10.0 for name, _ in report.COLUMNS} | {"generator_share": 0.5}


def result(**confab):
    runs = {
        ("1 → 500", "confab"): summary([TALK | confab, TALK | confab]),
        ("1 → 500", "node"): summary([TALK]),
    }
    reads = {
        "newest page": {
            100: {"wall_ms": 2.0, "store_cpu_ms": 1.0},
            1000: {"wall_ms": 3.0, "store_cpu_ms": 1.0},
        }
    }
    return Result(datetime(2026, 1, 2, tzinfo=UTC), {"cores": "2"}, 2, 4.0, runs, reads)


def test_ratios_are_of_what_was_measured_and_of_nothing_else():
    found = {ratio.what: ratio.value for ratio in result(cpu_us_per_delivery=5.0).ratios()}
    assert found == {
        "1 → 500, Confab ÷ Node Socket.IO, broadcast only: CPU a delivery": 0.5,
        "newest page: of 1,000 ÷ of 100": 1.5,
    }


@pytest.mark.parametrize(("share", "marked"), [(0.5, False), (0.95, True)])
def test_a_line_that_the_generator_may_have_limited_is_marked(share, marked):
    assert ("| 1 → 500 * |" in result(generator_share=share).text()) is marked


def test_it_writes_figures_and_a_page(tmp_path):
    result().write(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["delivery.json", "delivery.md"]
    assert "Confab, storing" in (tmp_path / "delivery.md").read_text()


def test_the_page_of_functions_is_that_of_their_figures():
    folder = Path(__file__).parents[2] / "docs/benchmarks"
    document = json.loads((folder / "functions.json").read_text())
    assert (folder / "functions.md").read_text() == results.page(document)
