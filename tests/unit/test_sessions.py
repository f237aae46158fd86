"""How long a session lasts, and until when sockets are admitted."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.adapters import MemoryAdapters
from tests.support.samples import principal
from tests.support.waiting import until


@pytest.fixture
def adapters():
    return MemoryAdapters(CONFAB_CLOCK_SKEW_S="0")


def alice(*, for_s):
    """Alice, by a token that expires in so many seconds."""
    return principal("alice").model_copy(update={"expires_at": datetime.now(UTC) + timedelta(seconds=for_s)})


async def test_a_renewed_session_outlives_the_token_that_it_began_with(container):
    renewed, other = (container.sessions.admit(sid, alice(for_s=0.05)) for sid in ("s1", "s2"))
    renewed.renew(alice(for_s=3600))
    await until(lambda: other.ending)
    assert not renewed.ending
    container.sessions.remove("s1")


async def test_a_renewal_whose_session_ends_while_it_is_verified_is_refused(container, adapters):
    async def slow(_token):
        await asyncio.sleep(0.1)
        return alice(for_s=3600)

    vars(adapters.verifier)["verify"] = slow
    container.sessions.admit("s1", alice(for_s=0.05))
    acknowledged = asyncio.get_running_loop().create_future()
    await container.application.event("s1", "auth", [{"token": "alice"}], acknowledged.set_result)
    assert (await acknowledged)["error"]["code"] == "token_expired"


async def test_a_container_that_stops_admits_no_more_sockets(container):
    answers = []

    async def connect(sid):
        await container.application.connect(
            sid,
            {"token": "alice"},
            lambda: answers.append("admitted"),
            lambda _, e: answers.append(e["code"]),
        )

    async with container.serving("127.0.0.1", 0):
        await connect("s1")
    await connect("s2")
    assert answers == ["admitted", "unavailable"]
