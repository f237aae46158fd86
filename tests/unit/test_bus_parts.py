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


def test_acknowledgements_leave_oldest_first_in_bounded_requests_and_are_bounded_themselves():
    waiting = Acknowledgements()
    for number in range(stream.ACKS_PER_REQUEST + 1):
        waiting.add(str(number))
    assert waiting.take() == [str(number) for number in range(stream.ACKS_PER_REQUEST)]
    assert [waiting.take(), waiting.take()] == [[str(stream.ACKS_PER_REQUEST)], []]
    for number in range(stream.MAX_ACKS + 5):
        waiting.add(str(number))
    assert waiting.take()[0] == "5"


async def test_many_acknowledgements_do_not_wait_for_the_interval(monkeypatch):
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
    ("error", "transient"),
    [
        (exceptions.ServiceUnavailable("x"), True),
        (exceptions.DeadlineExceeded("x"), True),
        (exceptions.ResourceExhausted("x"), True),
        (TimeoutError(), True),
        (TransportError("x", retryable=True), True),
        (exceptions.NotFound("x"), False),
        (exceptions.PermissionDenied("x"), False),
        (exceptions.InvalidArgument("x"), False),
        (DefaultCredentialsError("x"), False),
    ],
)
def test_a_transient_failure_is_retried(error, transient):
    assert is_transient(error) is transient


async def responses(*seen: StreamingPullResponse, hang: bool) -> AsyncIterator[StreamingPullResponse]:
    for response in seen:
        yield response
    if hang:
        await asyncio.sleep(60)


async def test_a_stream_that_ends_fails_and_one_that_falls_silent_if_its_server_answers_pings(monkeypatch):
    with pytest.raises(StreamEnded):
        await anext(stream._messages(responses(hang=False)))
    monkeypatch.setattr(stream, "SILENCE_SECONDS", 0.05)
    messages = stream._messages(responses(StreamingPullResponse(), hang=True))
    assert await anext(messages) == []
    with pytest.raises(TimeoutError):
        await anext(messages)
    with pytest.raises(TimeoutError) as outer:
        async with asyncio.timeout(0.3) as patience:
            await anext(stream._messages(responses(hang=True)))
    assert patience.expired(), outer


async def test_without_an_emulator_the_default_credentials_are_used(monkeypatch):
    scopes_used: list[object] = []

    def default(scopes: object) -> tuple[AnonymousCredentials, None]:
        scopes_used.append(scopes)
        return AnonymousCredentials(), None

    monkeypatch.setattr(google.auth, "default", default)
    endpoint = Endpoint(None)
    for _ in range(2):
        async with endpoint.publisher(), endpoint.subscriber():
            pass  # nothing connects before the first call
    assert scopes_used == [("https://www.googleapis.com/auth/pubsub",)]
