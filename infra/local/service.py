"""What the stack is told about each thing that it runs, and how it sees that one is ready."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import ProxyHandler, build_opener

if TYPE_CHECKING:
    from infra.local.process import Process

Probe = Callable[["Process"], Awaitable[bool]]
_PROBE_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A program of the stack: how to run it, when it is ready, how to stop it. Times in seconds."""

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path
    ready: Probe
    announces: Mapping[str, str]
    """What becomes usable when it is ready: names and addresses."""
    after: tuple[str, ...] = ()
    """The services that must be ready before it starts."""
    wave: int
    """Services stop in the opposite order of their waves, those of one wave together."""
    once: bool = False
    """Whether it is a step of the start that ends by itself."""
    start_s: float = 30
    stop_signal: signal.Signals = signal.SIGTERM
    stop_s: float = 5


def prints(text: str) -> Probe:
    """Ready when a line of the output has this text."""

    async def probe(process: "Process") -> bool:
        return text in process.output()

    return probe


def answers(url: str) -> Probe:
    """Ready when a GET of this URL answers 200."""

    async def probe(_: "Process") -> bool:
        return await answers_ok(url)

    return probe


async def succeeds(process: "Process") -> bool:
    """Ready when it has ended well."""
    return process.exit_code == 0


async def answers_ok(url: str) -> bool:
    """Whether a GET of this URL answers 200 within 5 seconds."""
    return await asyncio.to_thread(_answers_ok, url)


def _answers_ok(url: str) -> bool:
    direct = build_opener(ProxyHandler({}))
    try:
        with direct.open(url, timeout=_PROBE_S) as answer:
            return bool(answer.status == HTTPStatus.OK)
    except (OSError, ValueError, HTTPException):
        return False
