"""The attackers send what they mean to send."""

import json
import zlib

import pytest

from infra.allocator import MALLOC
from tests.hostile.attacks import ATTACKS, MODULES
from tests.hostile.attacks.compressed import GZIP, gzip_bomb
from tests.hostile.attacks.connects import connect_packet
from tests.hostile.attacks.lookups import spellings
from tests.hostile.attacks.text import nested
from tests.hostile.options import ROOT, malloc_of
from tests.hostile.raw_http import chunked, parsed
from tests.hostile.raw_socket import frame


def test_the_attacks_have_names_of_their_own_and_try_every_item():
    assert len(ATTACKS) == sum(len(module.ATTACKS) for module in MODULES)
    assert {attack.item for attack in ATTACKS.values()} == {1, 2, 3, 4}


def test_each_payload_is_as_large_as_its_attack_says():
    assert zlib.decompress(gzip_bomb(3), GZIP) == bytes(3 * 1024 * 1024)
    assert len(gzip_bomb(1_000)) < 1_048_576
    assert len(json.loads(connect_packet(1_000)[2:])) == 1_001
    token = f"head.payload.{'s' * 342}"
    assert len({*spellings(token, 600), token}) == 601
    assert nested(65).count("[") == nested(65).count("]") == 65
    assert json.loads(nested(2)) == {"a": [[]]}


@pytest.mark.parametrize(("length", "head"), [(5, 2), (126, 4), (70_000, 10)])
def test_a_frame_has_a_mask_of_zeros(length: int, head: int):
    framed = frame("x" * length)
    assert len(framed) == head + 4 + length
    assert framed[head : head + 4] == bytes(4)


HEAD = b"HTTP/1.1 503 Service Unavailable\r\nA: b\r\n\r\n"


@pytest.mark.parametrize(
    ("received", "said", "body"),
    [
        (HEAD + b'{"code":"unavailable"}', "503 unavailable", b'{"code":"unavailable"}'),
        (HEAD + b"no JSON", "503 ?", b"no JSON"),
        (b"HTTP/1.1 400 Bad\r\n\r\n{}", "400", b"{}"),
        (b"nothing of HTTP", "no answer", b"nothing of HTTP"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"ab", b"c"), "200", b"abc"),
    ],
)
def test_an_answer_has_its_status_and_where_the_server_failed_its_code(received, said, body):
    answer = parsed(received, 1.0)
    assert (answer.said, answer.body) == (said, body)


def test_the_attacked_processes_have_the_deployed_allocator():
    assert malloc_of(ROOT) == MALLOC
