"""Bodies with a Content-Encoding."""

import zlib
from functools import partial

from tests.hostile.attacks.attack import Attack
from tests.hostile.attacks.session import Session
from tests.hostile.attempt import Attempt
from tests.hostile.raw_http import Answer

MIB = 1024 * 1024
BOMB_MIB = 1_000
GZIP = 31
DEFLATE = 15
RAW = -15
HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"
OK, REFUSED = 200, (400, 411, 413, 415)


def gzip_bomb(mib: int) -> bytes:
    """So many MiB of zeros in gzip; every MiB is the same kilobyte."""
    zeros = bytes(MIB)
    packer = zlib.compressobj(9, zlib.DEFLATED, RAW)
    first = packer.compress(zeros) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = 0
    for _ in range(mib):
        checksum = zlib.crc32(zeros, checksum)
    last = packer.flush()
    return HEADER + first * mib + last + checksum.to_bytes(4, "little") + (mib * MIB).to_bytes(4, "little")


def packed(data: bytes, how: int) -> bytes:
    """The data in gzip or deflate."""
    packer = zlib.compressobj(9, zlib.DEFLATED, how)
    return packer.compress(data) + packer.flush()


async def bomb(attempt: Attempt, *, times: int) -> None:
    """A gigabyte in a megabyte, `times` times, one after the other."""
    body = gzip_bomb(BOMB_MIB)
    attempt.outcome.sent = f"{times} polling POSTs of {len(body):,} B of gzip, {BOMB_MIB} MiB unpacked"
    sessions = [await Session.open(attempt.instance) for _ in range(times)]
    await attempt.begin()
    answers = [await session.post(body, headers={"Content-Encoding": "gzip"}) for session in sessions]
    _refused(attempt, "gzip", *answers)


async def encodings(attempt: Attempt) -> None:
    """Good and bad encodings in polling: refused, and no alarm."""
    connect = f'40{{"token":"{await attempt.token("packer")}"}}'.encode()
    bodies = {
        "gzip": [packed(connect, GZIP), b"garbage"],
        "deflate": [packed(connect, DEFLATE), packed(connect, RAW), b"garbage"],
        "br": [b"\x0b\x02\x80abc\x03", b"garbage"],
        "zstd": [b"garbage"],
        "gzip, gzip": [packed(packed(connect, GZIP), GZIP)],
        "nonsense": [connect],
    }
    attempt.outcome.sent = f"{sum(map(len, bodies.values()))} encoded polling POSTs"
    await attempt.begin()
    for encoding, each in bodies.items():
        for body in each:
            session = await Session.open(attempt.instance)
            _refused(attempt, encoding, await session.post(body, headers={"Content-Encoding": encoding}))


async def rest(attempt: Attempt) -> None:
    """Encoded bodies over REST."""
    body = packed(b'{"type":"chat"}', GZIP)
    attempt.outcome.sent = "gzip, a bomb and garbage as REST bodies"
    await attempt.begin()
    for data in (body, gzip_bomb(BOMB_MIB // 5), b"garbage"):
        headers = {"Content-Encoding": "gzip"}
        answer = await attempt.rest("create_conversation", "", "packer", data, headers=headers)
        _refused(attempt, "gzip", answer)


def _refused(attempt: Attempt, encoding: str, *answers: Answer) -> None:
    attempt.saw(*answers)
    attempt.note("statuses", attempt.outcome.answers)
    for answer in answers:
        if answer.status == OK:
            attempt.fail(f"{encoding} was answered 200")
        elif answer.status and answer.status not in REFUSED:
            attempt.fail(f"{encoding} was answered {answer.said}")


ATTACKS = (
    Attack("gzip-bomb", 1, partial(bomb, times=1), quiet_logs=True),
    Attack("gzip-bomb-10", 1, partial(bomb, times=10), quiet_logs=True),
    Attack("encodings", 1, encodings, quiet_logs=True),
    Attack("encodings-rest", 1, rest, quiet_logs=True),
)
