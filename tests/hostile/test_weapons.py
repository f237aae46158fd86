"""What the attackers send is what it is meant to be."""

import json
import zlib

import pytest

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


def test_a_bomb_is_good_gzip():
    assert zlib.decompress(gzip_bomb(3), GZIP) == bytes(3 * 1024 * 1024)


def test_a_bomb_of_a_gigabyte_is_sent_as_a_megabyte():
    assert len(gzip_bomb(1_000)) < 1_048_576


def test_a_connect_with_unknown_keys_is_good_json():
    assert len(json.loads(connect_packet(1_000)[2:])) == 1_001


def test_spellings_differ_from_each_other_and_from_the_token():
    token = f"head.payload.{'s' * 342}"
    made = spellings(token, 600)
    assert len({*made, token}) == 601


def test_metadata_is_nested_so_many_levels_below_its_own():
    value, levels = json.loads(nested(65))["a"], 1
    while value:
        value, levels = value[0], levels + 1
    assert levels == 65


@pytest.mark.parametrize(("length", "head"), [(5, 2), (126, 4), (70_000, 10)])
def test_a_frame_is_masked_with_nothing(length, head):
    framed = frame("x" * length)
    assert len(framed) == head + 4 + length
    assert framed[head : head + 4] == bytes(4)


def test_an_answer_is_told_with_its_code_where_the_server_failed():
    head = b"HTTP/1.1 503 Service Unavailable\r\nA: b\r\n\r\n"
    assert parsed(head + b'{"code":"unavailable"}', 1.0).said == "503 unavailable"
    assert parsed(head + b"no JSON", 1.0).said == "503 ?"
    assert parsed(b"HTTP/1.1 400 Bad\r\n\r\n{}", 1.0).said == "400"
    assert parsed(b"nothing of HTTP", 1.0).said == "no answer"


def test_chunks_are_put_together():
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert parsed(head + chunked(b"ab", b"c"), 1.0).body == b"abc"


def test_the_allocator_is_set_as_a_checkout_deploys_it(tmp_path):
    for name, text in {
        "variables.py": 'ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": "1048576"}',
        "../realtime.Dockerfile": "ENV HOST=0.0.0.0 MALLOC_MMAP_THRESHOLD_=1048576",
    }.items():
        place = tmp_path / "infra/gcp" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    assert malloc_of(tmp_path) == {"MALLOC_MMAP_THRESHOLD_": "1048576"}
    assert malloc_of(ROOT).keys() <= {"MALLOC_MMAP_THRESHOLD_"}
