"""Text that is none, and metadata that is nested without an end: refused, over REST and the socket."""

from tests.hostile.attacks.attack import Attack
from tests.hostile.attempt import Attempt
from tests.hostile.raw_http import Answer

USER = "scribe"
DEEPEST, DEEP = 62, (65, 199)
"""Levels below `metadata` that are taken, and that are not."""
BAD = {"U+0000": r"a\u0000b", "a high surrogate": r"a\ud800b", "a low surrogate": r"\udc00"}
CREATED, INVALID = 201, "invalid_request"


def nested(levels: int) -> str:
    """A JSON object of so many levels below its own."""
    return '{"a":' + "[" * levels + "]" * levels + "}"


async def text(attempt: Attempt) -> None:
    """Bad characters in every text that is stored."""
    room = await attempt.conversation(USER, [])
    socket = await attempt.socket(USER)
    attempt.outcome.sent = f"{', '.join(BAD)} in content, title, members and metadata"
    await attempt.begin()
    for name, bad in BAD.items():
        for where, body in _creations(bad).items():
            answer = await attempt.rest("create_conversation", "", USER, body.encode())
            _refused(attempt, f"{name} in {where}", answer, record=name == "U+0000" and where == "metadata")
        content = f'{{"content":"{bad}"}}'.encode()
        answer = await attempt.rest("add_message", f"/{room}/messages", USER, content)
        _refused(attempt, f"{name} in content", answer)
    ack = await socket.call("message", {"conversationId": room, "content": "a\0b"})
    if ack["ok"] or ack["error"]["code"] != INVALID:
        attempt.fail("U+0000 in content was taken over the socket")
    await socket.close()


async def depth(attempt: Attempt) -> None:
    """Metadata that is nested too deep."""
    room = await attempt.conversation(USER, [])
    attempt.outcome.sent = f"metadata nested {DEEPEST}, {DEEP[0]} and {DEEP[1]} levels below its own"
    await attempt.begin()
    for function, path, rest in (
        ("create_conversation", "", '"type":"chat"'),
        ("add_message", f"/{room}/messages", '"content":"x"'),
    ):
        for levels in DEEP:
            body = f'{{{rest},"metadata":{nested(levels)}}}'.encode()
            _refused(attempt, f"{levels} levels", await attempt.rest(function, path, USER, body))
        body = f'{{{rest},"metadata":{nested(DEEPEST)}}}'.encode()
        if (answer := await attempt.rest(function, path, USER, body)).status != CREATED:
            attempt.fail(f"{DEEPEST} levels were answered {answer.said}")


def _creations(bad: str) -> dict[str, str]:
    return {
        "title": f'{{"type":"chat","title":"{bad}"}}',
        "members": f'{{"type":"chat","members":[{{"userId":"{bad}"}}]}}',
        "metadata": f'{{"type":"chat","metadata":{{"a":"{bad}"}}}}',
    }


def _refused(attempt: Attempt, name: str, answer: Answer, *, record: bool = False) -> None:
    attempt.saw(answer)
    said = f"{answer.said} {answer.code}" if answer.status != CREATED else answer.said
    if record:
        attempt.note(name, said)
    elif answer.status != 400 or answer.code != INVALID:
        attempt.fail(f"{name} was answered {said}")


ATTACKS = (
    Attack("text", 4, text, quiet_logs=True),
    Attack("depth", 4, depth, quiet_logs=True),
)
