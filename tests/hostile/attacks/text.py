"""Text that is none, and metadata that is nested without an end: refused, over REST and the socket."""

from collections.abc import Callable, Iterator
from functools import partial

from tests.hostile.attacks.attack import Attack
from tests.hostile.attempt import Attempt

USER = "scribe"
DEEPEST, DEEP = 62, (65, 199)
"""Levels below `metadata` that are taken, and that are not."""
BAD = {"U+0000": r"a\u0000b", "a high surrogate": r"a\ud800b", "a low surrogate": r"\udc00"}
CREATED, REFUSED, INVALID = 201, 400, "invalid_request"
CREATE, ADD = "create_conversation", "add_message"


def nested(levels: int) -> str:
    """A JSON object of so many levels below its own."""
    return '{"a":' + "[" * levels + "]" * levels + "}"


Case = tuple[str, str, str, int | None]
"""Its name, the function, the body, and the status that must answer it; None only records it."""


def bad_texts() -> Iterator[Case]:
    """Bad characters in every text that is stored."""
    for name, bad in BAD.items():
        yield f"{name} in title", CREATE, f'{{"type":"chat","title":"{bad}"}}', REFUSED
        yield f"{name} in members", CREATE, f'{{"type":"chat","members":[{{"userId":"{bad}"}}]}}', REFUSED
        status = None if name == "U+0000" else REFUSED
        yield f"{name} in metadata", CREATE, f'{{"type":"chat","metadata":{{"a":"{bad}"}}}}', status
        yield f"{name} in content", ADD, f'{{"content":"{bad}"}}', REFUSED


def deep_metadata() -> Iterator[Case]:
    """Metadata at the deepest level that is taken, and beyond."""
    for function, rest in ((CREATE, '"type":"chat"'), (ADD, '"content":"x"')):
        for levels, status in ((DEEPEST, CREATED), *((each, REFUSED) for each in DEEP)):
            yield f"{levels} levels", function, f'{{{rest},"metadata":{nested(levels)}}}', status


async def bodies(attempt: Attempt, *, sent: str, cases: Callable[[], Iterator[Case]]) -> None:
    """Send each body over REST, and U+0000 over the socket."""
    room = await attempt.conversation(USER, [])
    socket = await attempt.socket(USER)
    attempt.outcome.sent = sent
    await attempt.begin()
    for name, function, body, status in cases():
        path = f"/{room}/messages" if function == ADD else ""
        answer = await attempt.rest(function, path, USER, body.encode())
        attempt.saw(answer)
        said = answer.said if answer.status == CREATED else f"{answer.said} {answer.code}"
        if status is None:
            attempt.note(name, said)
        elif answer.status != status or (status == REFUSED and answer.code != INVALID):
            attempt.fail(f"{name} was answered {said}")
    ack = await socket.call("message", {"conversationId": room, "content": "a\0b"})
    if ack["ok"] or ack["error"]["code"] != INVALID:
        attempt.fail("U+0000 in content was taken over the socket")
    await socket.close()


TEXTS = f"{', '.join(BAD)} in content, title, members and metadata"
LEVELS = f"metadata nested {DEEPEST}, {DEEP[0]} and {DEEP[1]} levels below its own"
ATTACKS = (
    Attack("text", 4, partial(bodies, sent=TEXTS, cases=bad_texts), quiet_logs=True),
    Attack("depth", 4, partial(bodies, sent=LEVELS, cases=deep_metadata), quiet_logs=True),
)
