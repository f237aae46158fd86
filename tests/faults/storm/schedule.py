"""What breaks when: a seed's schedule of faults and of the bus's weather. Pure."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from tests.faults.storm.bus import CALM, Weather

INSTANCES = ("realtime-1", "realtime-2")
FUNCTIONS = (
    "create_conversation",
    "add_message",
    "finalize_conversation",
    "conversation",
    "message",
    "member",
)
CALM_BEFORE_S = 1.5
CALM_AFTER_S = 4.0
"""Seconds before the end of the load from which on nothing is broken any more."""
APART_S = (0.4, 1.8)
"""The shortest and the longest time between two faults, in seconds."""
RETURN_S = 3.0
"""Seconds for which a server is left alone after it has come back."""

ESSENTIAL = (
    ("kill", "realtime-1"),
    ("kill", "realtime-2"),
    ("kill", "store"),
    ("kill", "bus"),
    ("kill", "add_message"),
    ("stall", "store"),
    ("stall", "realtime-1"),
    ("stall", "bus"),
)
FURTHER = (
    ("stall", "realtime-2"),
    ("stall", "add_message"),
    ("stop", "realtime-1"),
    ("stop", "realtime-2"),
    ("kill", "finalize_conversation"),
    ("stall", "finalize_conversation"),
    ("kill", "create_conversation"),
    ("kill", "message"),
    ("kill", "member"),
    ("unsubscribe", "bus"),
)
LASTS = {"kill": (0.1, 2.0), "stop": (0.1, 1.0), "stall": (0.5, 7.0), "unsubscribe": (0.0, 0.0)}

WEATHERS = (
    Weather(drop=0.5),
    Weather(repeat=0.8),
    Weather(delay=0.8, longest_delay=2.0),
    Weather(reorder=0.9),
    Weather(drop=0.2, repeat=0.25, delay=0.25, reorder=0.25),
    Weather(drop=1.0),
    CALM,
)


@dataclass(frozen=True, slots=True)
class Fault:
    """At `at`, do `kind` to `target`; it comes back after `lasts`. Seconds since the load began."""

    at: float
    kind: str
    target: str
    lasts: float

    @property
    def name(self) -> str:
        return f"{self.kind} {self.target}"


@dataclass(frozen=True, slots=True)
class Plan:
    """A storm before it begins."""

    seed: int
    seconds: float
    """The length of the load; starting and checking come on top."""
    faults: Sequence[Fault]
    weather: Sequence[tuple[float, Weather]]
    """How many seconds each weather holds."""
    catch_up_s: float = 20.0
    """Seconds after the last answer within which every client must have every entry."""

    @classmethod
    def drawn(cls, seed: int, seconds: float) -> Self:
        """The plan that follows from a seed."""
        return cls(seed, seconds, faults(seed, seconds), weather(seed, seconds))


def faults(seed: int, seconds: float) -> list[Fault]:
    """The faults of a load of this length, in order. Each kind comes before any comes again."""
    chance = random.Random(f"faults {seed}")
    deck = _deck(chance)
    found: list[Fault] = []
    back: dict[str, float] = {}
    at = CALM_BEFORE_S
    while at < seconds - CALM_AFTER_S:
        kind, target = next(deck)
        at = max(at, back.get(target, 0.0))
        shortest, longest = LASTS[kind]
        lasts = chance.triangular(shortest, longest, shortest)
        if at + lasts < seconds - CALM_AFTER_S:
            found.append(Fault(at, kind, target, lasts))
        back[target] = at + lasts + RETURN_S
        at += chance.uniform(*APART_S)
    return found


def weather(seed: int, seconds: float) -> list[tuple[float, Weather]]:
    """How many seconds each weather holds, for the whole of the load."""
    chance = random.Random(f"weather {seed}")
    found: list[tuple[float, Weather]] = []
    while seconds > 0:
        for each in chance.sample(WEATHERS, len(WEATHERS)):
            lasts = min(chance.uniform(1.0, 3.0), seconds)
            seconds -= lasts
            if lasts > 0:
                found.append((lasts, each))
    return found


def _deck(chance: random.Random) -> Iterator[tuple[str, str]]:
    for cards in (ESSENTIAL, FURTHER):
        yield from chance.sample(cards, len(cards))
    while True:
        yield from chance.sample(ESSENTIAL + FURTHER, len(ESSENTIAL + FURTHER))
