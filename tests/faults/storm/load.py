"""What the clients do: start conversations, write into them all at once, and close some."""

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.faults.storm.follower import TEMPORARY, Follower
from tests.faults.storm.record import Creation, Entry, Recording, Revision, Send
from tests.faults.storm.rest import Rest
from tests.support.sockets import Sockets
from tests.support.users import User, user

USERS = 6
CLIENTS = 40
CONVERSATIONS = 8
"""How many are open at a time; for each that is finalized a new one is started."""
FOLLOWED_BY = 8
"""How many clients follow a conversation."""
FOLLOWED_S = 1.0
"""Seconds within which clients begin to follow a new conversation."""
HOT_S = 0.4
"""Seconds for which everybody writes into a conversation before it is finalized."""
RECENT = 400
"""Of so many latest sends one is revised."""
SETTLE_S = 30.0
"""Seconds within which the first conversations are started, and after which the last send is answered."""
REPEATED = 0.05
"""The part of the sends that is sent again after it was acknowledged."""
REPEATED_CREATIONS = 0.2
"""The part of the creations that is sent again after it was answered."""
REST = 0.4
"""The part of the tries that goes over REST."""
DELETIONS = 0.4
"""The part of the revisions that deletes."""
RENAMINGS = 0.2
"""The part of the changes of a conversation that renames it."""
REFUSALS = frozenset({"conversation_finalized", "not_found", "forbidden"})
"""What refuses a write for good, where the conversation is closed or the writer has lost access."""
Answer = dict[str, Any]


@dataclass(eq=False, slots=True)
class Talk:
    """An open conversation."""

    id: str
    owner: User
    hot: bool = False
    access: dict[str, str] = field(default_factory=dict)
    """Of the users who are no owner: `write`, `read`, or nothing for those who were removed."""


class Load:
    """Everything that the clients do on their own account, seeded."""

    def __init__(
        self, urls: Sequence[str], rest: Rest, sockets: Sockets, recording: Recording, seed: int
    ) -> None:
        self.users = [user(f"user-{number}") for number in range(USERS)]
        self._followers = [
            Follower(
                f"client-{number}",
                self.users[number % USERS],
                sockets,
                urls,
                recording=recording,
                seed=f"client {number} {seed}",
            )
            for number in range(CLIENTS)
        ]
        self.rest = rest
        self._recording = recording
        self._random = random.Random(seed)
        self._talks: list[Talk] = []
        self._stopping = asyncio.Event()
        self.acknowledged: dict[str, float] = defaultdict(float)
        """By way (`rest`, `realtime-1`, …): when the latest send that was acknowledged had set out."""

    async def begin(self) -> None:
        """Start the first conversations."""
        async with asyncio.timeout(SETTLE_S):
            for _ in range(CONVERSATIONS):
                await self.open()

    async def run(self, length: Awaitable[object]) -> None:
        """Do everything until `length` is over, and then until all is answered, for up to SETTLE_S."""
        tasks = [asyncio.create_task(self._repeat(each)) for each in ACTIONS for _ in range(each.at_a_time)]
        try:
            await length
            self._stopping.set()
            await asyncio.wait(tasks, timeout=SETTLE_S)
        finally:
            for task in tasks:
                task.cancel()  # what has no answer yet never has one
            await asyncio.wait(tasks)
        for task in tasks:
            if not task.cancelled():
                task.result()
        await asyncio.sleep(FOLLOWED_S)

    def close(self) -> None:
        for follower in self._followers:
            follower.close()

    async def open(self) -> None:
        """Start a conversation of everybody's, and let some clients follow it."""
        owner = self._random.choice(self.users)
        creation = Creation(f"creation-{len(self._recording.creations)}")
        self._recording.creations.append(creation)
        members = [{"userId": user.uid} for user in self.users if user is not owner]
        body, key = {"type": "chat", "members": members}, {"Idempotency-Key": creation.key}
        for _ in range(2 if self._random.random() < REPEATED_CREATIONS else 1):
            made = await self._insist(lambda: self.rest.call("create_conversation", "", owner, body, **key))
            if made is None:
                return
            creation.ids.add(made["body"]["id"])
        talk = Talk(next(iter(creation.ids)), owner, access={one["userId"]: "write" for one in members})
        for follower in self._random.sample(self._followers, FOLLOWED_BY):
            pause = self._random.uniform(0, FOLLOWED_S)
            asyncio.get_running_loop().call_later(pause, follower.follow, talk.id)
        self._talks.append(talk)

    async def replace(self) -> None:
        """Finalize a conversation while everybody writes into it, and start another."""
        talk = self._random.choice(self._talks)
        talk.hot = True
        answers: list[Entry] = []
        self._recording.closings[talk.id] = answers
        await asyncio.sleep(HOT_S)
        both = await asyncio.gather(self._finalize(talk), self._finalize(talk))
        answers += [answer["body"] for answer in both if answer is not None]
        self._talks.remove(talk)
        await self.open()

    async def write(self) -> None:
        """Write a message, and sometimes the same once more."""
        hot = [talk for talk in self._talks if talk.hot]
        talk = self._random.choice(hot if hot and self._random.random() < 0.6 else self._talks)
        author = self._random.choice(self.users)
        key = f"message-{len(self._recording.sends)}"
        send = Send(talk.id, author.uid, key, f"{key} {'x' * self._random.randrange(200)}")
        self._recording.sends.append(send)
        await self._settle(send, author)
        if send.answers and self._random.random() < REPEATED:
            await self._settle(send, author)

    async def revise(self) -> None:
        """Edit a message of somebody's, or delete it."""
        open_now = {talk.id: talk for talk in self._talks}
        sends = [
            one for one in self._recording.sends[-RECENT:] if one.answers and one.conversation in open_now
        ]
        if not sends:
            return
        send = self._random.choice(sends)
        deletes = self._random.random() < DELETIONS
        words = None if deletes else f"revision-{len(self._recording.revisions)}"
        revision = Revision(send.conversation, send.answers[0]["seq"], words)
        self._recording.revisions.append(revision)
        by = send.author
        if deletes and self._random.random() < 0.5:
            by = open_now[send.conversation].owner.uid
        author = next(user for user in self.users if user.uid == by)
        path = f"/{revision.conversation}/messages/{revision.seq}"
        body, method = (None, "DELETE") if words is None else ({"content": words}, "PATCH")
        answer = await self._insist(
            lambda: self.rest.call("message", path, author, body, method=method), final=REFUSALS
        )
        if answer is not None and answer["ok"]:
            revision.answers.append(answer["body"])
            revision.acknowledged = time.monotonic()
        elif answer is not None:
            revision.refused = answer["error"]["code"]

    async def govern(self) -> None:
        """Rename a conversation, or remove a member, demote or promote one, or let one in again."""
        talk = self._random.choice(self._talks)
        uid = self._random.choice(sorted(talk.access))
        by, path, method = talk.owner, f"/{talk.id}/members/{uid}", "PUT"
        if self._random.random() < RENAMINGS:
            function, path, method = "conversation", f"/{talk.id}", "PATCH"
            body = {"title": f"title-{self._random.randrange(10**6)}"}
        elif talk.access[uid] and self._random.random() < 0.6:
            function, body, method, talk.access[uid] = "member", None, "DELETE", ""
            if self._random.random() < 0.3:
                by = next(user for user in self.users if user.uid == uid)
        else:
            function = "member"
            talk.access[uid] = "read" if talk.access[uid] == "write" else "write"
            body = {"access": talk.access[uid]}
        answer = await self._insist(
            lambda: self.rest.call(function, path, by, body, method=method), final=REFUSALS
        )
        if answer is not None and answer["ok"] and answer["body"]:
            self._recording.changes.append(answer["body"])

    async def disturb(self) -> None:
        """Let a client come and go."""
        follower = self._random.choice(self._followers)
        self._random.choice((follower.wander, follower.step_out_and_in))()

    async def _repeat(self, action: "Action") -> None:
        while not self._stopping.is_set():
            with suppress(TimeoutError):
                pause = self._random.expovariate(1 / action.pause_s)
                await asyncio.wait_for(self._stopping.wait(), pause)
                return
            await action.perform(self)

    async def _settle(self, send: Send, author: User) -> None:
        """Send it until it is acknowledged or refused for good."""
        answer = await self._insist(lambda: self._try(send, author), final=REFUSALS)
        if answer is None:
            return
        if answer["ok"]:
            send.answers.append(answer["body"])
        else:
            send.refused = answer["error"]["code"]

    async def _try(self, send: Send, author: User) -> Answer | None:
        """One try, over any way that there is."""
        send.tries += 1
        body = {"content": send.content, "clientMessageId": send.key}
        started = time.monotonic()
        ways = [
            (f"realtime-{follower.instance + 1}", socket)
            for follower in self._followers
            if follower.user is author and (socket := follower.socket) is not None
        ]
        if not ways or self._random.random() < REST:
            way = "rest"
            answer = await self.rest.call("add_message", f"/{send.conversation}/messages", author, body)
        else:
            way, socket = self._random.choice(ways)
            answer = await socket.call("message", {**body, "conversationId": send.conversation})
            if answer is not None and answer["ok"]:
                answer = {"ok": True, "body": answer["message"]}
        if answer is not None and answer["ok"]:
            self.acknowledged[way] = max(self.acknowledged[way], started)
        return answer

    async def _finalize(self, talk: Talk) -> Answer | None:
        path = f"/{talk.id}/finalize"
        return await self._insist(lambda: self.rest.call("finalize_conversation", path, talk.owner, {}))

    async def _insist(
        self, attempt: Callable[[], Awaitable[Answer | None]], *, final: Collection[str] = ()
    ) -> Answer | None:
        """Try until there is a success or one of the refusals `final`.

        None, and a complaint, for what is refused for good in any other way.
        """
        while True:
            answer = await attempt()
            if answer is not None:
                if answer["ok"] or answer["error"]["code"] in final:
                    return answer
                if answer["error"]["code"] not in TEMPORARY:
                    self._recording.complaints.append(f"a client was answered {_words(answer['error'])}")
                    return None
            await asyncio.sleep(self._random.uniform(0.05, 0.4))


class Action(NamedTuple):
    """Something that clients do again and again, so many at a time, each after a random pause."""

    perform: Callable[[Load], Awaitable[None]]
    at_a_time: int
    pause_s: float
    """Seconds on average."""


ACTIONS = (
    Action(Load.write, 24, 0.4),
    Action(Load.replace, 1, 2.5),
    Action(Load.disturb, 1, 0.25),
    Action(Load.revise, 6, 0.4),
    Action(Load.govern, 2, 0.3),
)


def _words(error: Mapping[str, Any]) -> str:
    return f"{error.get('code')} {error.get('detail', '')}".strip()
