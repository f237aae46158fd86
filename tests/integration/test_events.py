"""Every event, acknowledgement and error of the AsyncAPI document can be caused and is as documented.

The document drives the tests: an event or a code that is new in it needs a way here to bring it
about. `tests/contract/test_bus.py` holds what the bus carries.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any
from unittest.mock import patch

import pytest

from confab.domain.errors import Unavailable
from confab.domain.limits import Limits
from confab.domain.requests import EditMessage, Request, UpdateConversation, parse
from tests.support.api import assert_says_when
from tests.support.clients import EVENTS, Client
from tests.support.conformance import event_document
from tests.support.samples import principal
from tests.support.world import World

DOCUMENT = event_document()
CONNECT = "connect"
OWNER, MEMBER, READER, STRANGER = "alice", "bob", "rita", "eve"
LIMITS = {
    "CONFAB_MAX_ROOMS_PER_SOCKET": "1",
    "CONFAB_MAX_SOCKETS_PER_USER": "2",
    "CONFAB_MESSAGES_PER_10S": "2",
    "CONFAB_RENEWALS_PER_10S": "100",
    "CONFAB_TYPING_PER_5S": "2",
}


class Instance(World):
    """One instance, and a conversation of the owner's."""

    room: str

    async def in_room(self, user: str) -> Client:
        """A socket that is in the conversation's room."""
        return await self.client(user, room=self.room)

    async def refusal(self, auth: object) -> Any:
        """The problem with which the instance refuses a client."""
        return (await self.refused(auth)).refusal


@pytest.fixture
async def instance(store_server, bus_server):
    async with Instance(store_server, bus_server, cells=("main",), env=LIMITS).running() as instance:
        instance.room = await instance.conversation([MEMBER, (READER, "read")])
        yield instance


def channels(kind: str) -> list[str]:
    """The channels that have a message of a kind: request or event."""
    return [
        name
        for name, channel in DOCUMENT.content["channels"].items()
        if f"{name}.{kind}" in channel["messages"]
    ]


REQUESTS = [name for name in channels("request") if name != CONNECT]


def refusals() -> Iterator[tuple[str, str]]:
    """Each code with which the handshake or an event can be refused."""
    for name in channels("request"):
        payload = DOCUMENT.at(f"{DOCUMENT.message(f'{name}.error')}/payload")
        problem = payload["properties"]["data" if name == CONNECT else "error"]
        yield from ((name, code) for code in problem["properties"]["code"]["enum"])


def example(instance: Instance, name: str, **fields: object) -> dict[str, Any]:
    """The document's example of a request, in the test's conversation and with a good token."""
    shown = DOCUMENT.at(DOCUMENT.message(f"{name}.request"))["examples"][0]["payload"]
    fit = {"conversationId": instance.room, "token": OWNER} | fields
    payload = {field: fit.get(field, value) for field, value in shown.items()}
    DOCUMENT.check(f"{name}.request", payload)
    return payload


async def request(instance: Instance, user: str, name: str, **fields: object) -> Any:
    """The answer to the example of an event, or to the handshake, with these fields changed."""
    payload = example(instance, name, **fields)
    if name == CONNECT:
        return await instance.refusal(payload | ({} if "token" in fields else {"token": user}))
    return await (await instance.client(user)).call(name, payload)


@pytest.mark.parametrize("after", [{}, {"after": 0}], ids=["newest", "following"])
async def test_a_join_returns_messages_or_the_entries_after_a_number(instance, after):
    client = await instance.client(OWNER)
    await client.call("message", example(instance, "message"))
    await rename(instance, client)
    ack = await client.call("join", {"conversationId": instance.room} | after)
    DOCUMENT.check("join.ack", ack)
    kinds = [one["kind"] for one in ack["entries" if after else "messages"]]
    assert kinds == (["message", "conversation_changed"] if after else ["message"])


@pytest.mark.parametrize("name", REQUESTS)
async def test_every_event_is_acknowledged_as_documented(instance, name):
    client = await instance.in_room(OWNER)
    DOCUMENT.check(f"{name}.ack", await client.call(name, example(instance, name)))


async def test_a_handshake_is_answered_as_documented(instance):
    payload = example(instance, CONNECT)
    client = await instance.client(payload["token"], room=payload["conversationId"], after=payload["after"])
    DOCUMENT.check(f"{CONNECT}.ack", {"sid": client.sio.get_sid()})


async def test_a_server_takes_the_events_of_the_document_and_no_others(instance):
    refusal = await (await instance.client(OWNER)).call("nonsense", {})
    assert refusal["error"]["detail"] == f"the events are {', '.join(REQUESTS)}"


async def unfit(instance: Instance, name: str) -> Any:
    if name == CONNECT:
        return await instance.refusal({"token": OWNER, "unknown": 1})
    return await (await instance.client(OWNER)).call(name, {"unknown": 1})


async def unauthenticated(instance: Instance, name: str) -> Any:
    if name == CONNECT:
        return await instance.refusal({"token": "forged"})
    client = await instance.client(OWNER)
    (session,) = instance.containers[0].sessions.all()
    instance.containers[0].application.disconnected(session.sid)  # it ended, and this event was on its way
    return await client.call(name, example(instance, name))


async def too_large(instance: Instance, name: str) -> Any:
    return await (await instance.client(OWNER)).call(name, {"content": "x" * 300_000})


async def rate_limited(instance: Instance, name: str) -> Any:
    if name == CONNECT:
        await instance.client(OWNER)
        await instance.client(OWNER)
        return await instance.refusal({"token": OWNER})
    client = await instance.in_room(OWNER)
    if name == "auth":
        return [await client.call(name, {"token": OWNER}) for _ in range(100)][-1]
    if name == "join":
        return await client.call(name, {"conversationId": "another"})
    assert (await client.call(name, example(instance, name)))["ok"]
    assert (await client.call(name, example(instance, name)))["ok"]
    return await client.call(name, example(instance, name))


async def conversation_finalized(instance: Instance, name: str) -> Any:
    await instance.rest_finalize(instance.room)
    return await request(instance, OWNER, name)


async def idempotency_conflict(instance: Instance, name: str) -> Any:
    await request(instance, OWNER, name)
    return await request(instance, OWNER, name, content="Another")


async def internal(instance: Instance, name: str) -> Any:
    payload = example(instance, name)
    client = None if name == CONNECT else await instance.client(OWNER)
    with patch.object(Request, "model_validate", side_effect=RuntimeError("a defect")):
        return await (instance.refusal(payload) if client is None else client.call(name, payload))


async def unavailable(instance: Instance, name: str) -> Any:
    with instance.broken_store(Unavailable("The store does not answer.")):
        return await request(instance, OWNER, name, token="unchecked")


CAUSES: Mapping[str, Callable[[Instance, str], Awaitable[Any]]] = {
    "invalid_request": unfit,
    "unauthenticated": unauthenticated,
    "token_expired": lambda instance, name: request(instance, OWNER, name, token="expired"),
    "token_revoked": lambda instance, name: request(instance, OWNER, name, token="revoked"),
    "forbidden": lambda instance, name: request(instance, READER, name),
    "not_found": lambda instance, name: request(instance, STRANGER, name),
    "conversation_finalized": conversation_finalized,
    "idempotency_conflict": idempotency_conflict,
    "payload_too_large": too_large,
    "rate_limited": rate_limited,
    "internal": internal,
    "unavailable": unavailable,
}
"""How to cause each error, by code."""


@pytest.mark.parametrize(("name", "code"), list(refusals()))
async def test_every_error_is_as_documented(instance, name, code):
    refusal = await CAUSES[code](instance, name)
    DOCUMENT.check(f"{name}.error", refusal)
    problem = refusal["data" if name == CONNECT else "error"]
    assert problem["code"] == code
    assert_says_when(problem, problem.get("retryAfter"))


async def type_as_another(instance: Instance, _: Client) -> None:
    await (await instance.in_room(MEMBER)).call("typing", example(instance, "typing"))


async def fall_behind(instance: Instance, _: Client) -> None:
    (session,) = instance.containers[0].sessions.all()
    session.resync(instance.room, 0)


async def expire(instance: Instance, client: Client) -> None:
    instance.expire_in(0)
    await client.call("auth", example(instance, "auth"))


async def edit(instance: Instance, client: Client) -> None:
    await client.call("message", example(instance, "message"))
    await instance.rest.edit_message(
        instance.room, 1, parse(EditMessage, {"content": "edited"}, Limits()), caller=principal(OWNER)
    )


async def rename(instance: Instance, _: Client) -> None:
    request = parse(UpdateConversation, {"title": "renamed"}, Limits())
    await instance.rest.update_conversation(instance.room, request, caller=principal(OWNER))


async def erase(instance: Instance, client: Client) -> None:
    member = await instance.in_room(MEMBER)
    await member.call("message", example(instance, "message"))
    await client.until(lambda c: bool(c.of("message")))
    await instance.rest.eraser.erase(MEMBER)


OCCASIONS: Mapping[str, Callable[[Instance, Client], Awaitable[object]]] = {
    "joined": lambda _instance, client: client.until(lambda c: bool(c.of("joined"))),
    "message": lambda instance, client: client.call("message", example(instance, "message")),
    "message_changed": edit,
    "conversation_changed": rename,
    "left": lambda instance, _: instance.rest.delete_conversation(instance.room, caller=principal(OWNER)),
    "erased": erase,
    "finalized": lambda instance, _: instance.rest_finalize(instance.room),
    "typing": type_as_another,
    "resync": fall_behind,
    "going_away": lambda instance, _: instance.stop(0),
    "auth_expired": expire,
}
"""What has to happen for a server to send each event."""


@pytest.mark.parametrize("name", channels("event"))
async def test_every_event_of_a_server_is_as_documented(instance, name):
    client = await instance.in_room(OWNER)
    await OCCASIONS[name](instance, client)
    await client.until(lambda c: bool(c.of(name)))
    DOCUMENT.check(f"{name}.event", client.of(name)[0])


def test_the_tests_own_clients_know_every_event_of_a_server():
    assert set(EVENTS) == set(channels("event"))
