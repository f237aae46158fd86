"""The small parts of the bus adapters, each on its own."""

import asyncio
from collections.abc import AsyncIterator

import google.auth
import pytest
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import DefaultCredentialsError, TransportError
from google.pubsub_v1 import StreamingPullResponse

from confab.bus import stream
from confab.bus.client import Endpoint, StreamEnded, is_transient
from confab.bus.stream import Acknowledgements
from confab.domain.events import Event, event_of
from tests.support.samples import message
from tests.support.twins import bus as memory
from tests.support.twins.bus import MemoryBus


def test_acknowledgements_leave_oldest_first_and_so_many_at_a_time() -> None:
    waiting = Acknowledgements()
    for number in range(stream.ACKS_PER_REQUEST + 1):
        waiting.add(str(number))
    assert waiting.take() == [str(number) for number in range(stream.ACKS_PER_REQUEST)]
    assert waiting.take() == [str(stream.ACKS_PER_REQUEST)]
    assert waiting.take() == []


def test_acknowledgements_are_bounded() -> None:
    waiting = Acknowledgements()
    for number in range(stream.MAX_ACKS + 5):
        waiting.add(str(number))
    assert waiting.take()[0] == "5"


async def test_many_acknowledgements_do_not_wait_for_the_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "ACK_INTERVAL_SECONDS", 60)
    waiting = Acknowledgements()
    due = asyncio.create_task(waiting.due())
    for _ in range(stream.ACKS_EARLY):
        waiting.add("x")
    async with asyncio.timeout(5):
        await due
    waiting.take()
    due = asyncio.create_task(waiting.due())
    waiting.add("x")
    await asyncio.sleep(0.01)
    assert not due.done()
    due.cancel()


@pytest.mark.parametrize(
    "error",
    [
        exceptions.ServiceUnavailable("x"),
        exceptions.DeadlineExceeded("x"),
        exceptions.ResourceExhausted("x"),
        TimeoutError(),
        TransportError("x", retryable=True),
    ],
)
def test_these_failures_are_worth_another_try(error: Exception) -> None:
    assert is_transient(error)


@pytest.mark.parametrize(
    "error",
    [
        exceptions.NotFound("x"),
        exceptions.PermissionDenied("x"),
        exceptions.InvalidArgument("x"),
        DefaultCredentialsError("x"),
    ],
)
def test_these_failures_are_not(error: Exception) -> None:
    assert not is_transient(error)


async def responses(*seen: StreamingPullResponse, hang: bool) -> AsyncIterator[StreamingPullResponse]:
    for response in seen:
        yield response
    if hang:
        await asyncio.sleep(60)


async def test_a_stream_that_ends_is_a_failure() -> None:
    with pytest.raises(StreamEnded):
        await anext(stream._messages(responses(hang=False)))


async def test_a_server_that_answered_a_ping_may_not_fall_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "SILENCE_SECONDS", 0.05)
    messages = stream._messages(responses(StreamingPullResponse(), hang=True))
    assert await anext(messages) == []
    with pytest.raises(TimeoutError):
        await anext(messages)


async def test_a_server_that_answers_no_ping_may_have_nothing_to_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "SILENCE_SECONDS", 0.05)
    with pytest.raises(TimeoutError) as outer:
        async with asyncio.timeout(0.3) as patience:
            await anext(stream._messages(responses(hang=True)))
    assert patience.expired(), outer


async def test_without_an_emulator_google_is_asked_with_the_default_credentials(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[object] = []

    def default(scopes: object) -> tuple[AnonymousCredentials, None]:
        asked.append(scopes)
        return AnonymousCredentials(), None

    monkeypatch.setattr(google.auth, "default", default)
    endpoint = Endpoint(None)
    for _ in range(2):
        async with endpoint.publisher(), endpoint.subscriber():
            pass  # nothing connects before the first call
    assert asked == [("https://www.googleapis.com/auth/pubsub",)]


async def test_a_subscription_in_memory_keeps_the_newest_of_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "MAX_WAITING", 3)
    bus = MemoryBus()
    subscription = bus.subscription()
    events = subscription.events()

    async def next_event() -> Event:
        return await anext(events)

    first = asyncio.create_task(next_event())
    await asyncio.sleep(0)
    published = [event_of(message(seq), origin="i1") for seq in range(1, 6)]
    publisher = bus.publisher()
    for event in published:
        await publisher.publish(event)
    assert [await first, await anext(events), await anext(events)] == published[2:]
    await subscription.close()
