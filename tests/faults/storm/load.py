"""What the clients do: start conversations, write into them all at once, and close some."""

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.faults.storm.follower import TEMPORARY, Follower
from tests.faults.storm.record import Creation, Entry, Recording, Send
from tests.faults.storm.rest import Rest
from tests.support.users import User

HOT_S = 0.4
"""Seconds for which everybody writes into a conversation before it is finalized."""
FOLLOWED_S = 1.0
"""Seconds within which clients begin to follow a new conversation."""
REPEATED = 0.05
"""The part of the sends that is sent again after it was acknowledged."""
REPEATED_CREATIONS = 0.2
"""The part of the creations that is sent again after it was answered."""
REST = 0.4
"""The part of the tries that goes over REST."""


@dataclass(eq=False, slots=True)
class Talk:
    """An open conversation."""

    id: str
    owner: User
    hot: bool = False


class Load:
    """Everything that the clients do on their own account, seeded."""

    def __init__(
        self,
        users: Sequence[User],
        followers: Sequence[Follower],
        rest: Rest,
        recording: Recording,
        seed: int,
    ) -> None:
        self._users = users
        self._followers = followers
        self._rest = rest
        self._recording = recording
        self._random = random.Random(seed)
        self._talks: list[Talk] = []
        self._numbers = 0
        self.stopping = asyncio.Event()
        self.giving_up = asyncio.Event()
        """Set when what has not been answered yet never will be."""
        self.acknowledged: dict[str, float] = defaultdict(float)
        """By way (`rest`, `realtime-1`, …): when the latest send that was acknowledged had set out."""

    async def open(self, followed_by: int) -> None:
        """Start a conversation of everybody's, and let some clients follow it."""
        owner = self._random.choice(self._users)
        self._numbers += 1
        creation = Creation(owner.uid, f"creation-{self._numbers}")
        self._recording.creations.append(creation)
        members = [{"userId": user.uid} for user in self._users if user is not owner]
        body = {"type": "chat", "members": members}
        key = {"Idempotency-Key": creation.key}

        async def create() -> dict[str, Any] | None:
            return await self._rest.post("create_conversation", "", owner, body, **key)

        for _ in range(2 if self._random.random() < REPEATED_CREATIONS else 1):
            if (made := await self._insist(create)) is None:
                return
            creation.ids.add(made["body"]["id"])
        talk = Talk(next(iter(creation.ids)), owner)
        for follower in self._random.sample(list(self._followers), followed_by):
            asyncio.get_running_loop().call_later(
                self._random.uniform(0, FOLLOWED_S), follower.follow, talk.id
            )
        self._talks.append(talk)

    async def close(self) -> bool:
        """Finalize a conversation while everybody writes into it; whether there was one."""
        if len(self._talks) < 2:
            return False
        talk = self._random.choice(self._talks)
        talk.hot = True
        answers: list[Entry] = []
        self._recording.closings[talk.id] = answers
        await asyncio.sleep(HOT_S)
        both = await asyncio.gather(self._finalize(talk), self._finalize(talk))
        answers += [answer["body"] for answer in both if answer is not None]
        self._talks.remove(talk)
        return True

    async def write(self, number: int, pause: float) -> None:
        """Write one message after the other, each until it is answered, until the load stops."""
        chance = random.Random(f"{self._random.random()} {number}")
        count = 0
        while not self.stopping.is_set():
            count += 1
            talk = self._choose(chance)
            user = chance.choice(self._users)
            key = f"{number}-{count}"
            send = Send(talk.id, user.uid, key, f"{key} {'x' * chance.randrange(200)}")
            self._recording.sends.append(send)
            await self._settle(send, user, chance)
            if send.answers and chance.random() < REPEATED:
                await self._settle(send, user, chance)
            await asyncio.sleep(chance.expovariate(1 / pause))

    async def disturb(self, pause: float) -> None:
        """Let clients come and go, until the load stops."""
        while not self.stopping.is_set():
            follower = self._random.choice(list(self._followers))
            if self._random.random() < 0.5:
                follower.wander()
            else:
                follower.step_out_and_in()
            await asyncio.sleep(self._random.expovariate(1 / pause))

    def _choose(self, chance: random.Random) -> Talk:
        hot = [talk for talk in self._talks if talk.hot]
        return chance.choice(hot if hot and chance.random() < 0.6 else self._talks)

    async def _settle(self, send: Send, user: User, chance: random.Random) -> None:
        """Send it until it is acknowledged or refused for good."""
        answer = await self._insist(lambda: self._try(send, user, chance), final="conversation_finalized")
        if answer is None:
            return
        if answer["ok"]:
            send.answers.append(answer["body"])
            send.acknowledged_at = send.acknowledged_at or time.monotonic()
        else:
            send.refused = True

    async def _try(self, send: Send, user: User, chance: random.Random) -> dict[str, Any] | None:
        """One try, over any way that there is."""
        send.tries += 1
        body = {"content": send.content, "clientMessageId": send.key}
        started = time.monotonic()
        ways = [f for f in self._followers if f.user is user and f.socket is not None]
        if not ways or chance.random() < REST:
            way = "rest"
            answer = await self._rest.post("add_message", f"/{send.conversation}/messages", user, body)
        else:
            follower = chance.choice(ways)
            way = f"realtime-{follower.instance + 1}"
            assert follower.socket is not None
            answer = await follower.socket.call("message", {**body, "conversationId": send.conversation})
            if answer is not None and answer["ok"]:
                answer = {"ok": True, "body": answer["message"]}
        if answer is not None and answer["ok"]:
            self.acknowledged[way] = max(self.acknowledged[way], started)
        return answer

    async def _finalize(self, talk: Talk) -> dict[str, Any] | None:
        path = f"/{talk.id}/finalize"
        return await self._insist(lambda: self._rest.post("finalize_conversation", path, talk.owner, {}))

    async def _insist(
        self, attempt: Callable[[], Awaitable[dict[str, Any] | None]], *, final: str = ""
    ) -> dict[str, Any] | None:
        """Try until there is a success or the refusal `final`; None if neither ever comes.

        What is refused for good in any other way is a complaint.
        """
        while not self.giving_up.is_set():
            answer = await attempt()
            if answer is not None and (answer["ok"] or answer["error"]["code"] == final):
                return answer
            if answer is not None and answer["error"]["code"] not in TEMPORARY:
                self._recording.complaints.append(f"a client was answered {_words(answer['error'])}")
                return None
            await asyncio.sleep(self._random.uniform(0.05, 0.4))
        return None


def _words(error: Mapping[str, Any]) -> str:
    return f"{error.get('code')} {error.get('detail', '')}".strip()
