"""The last export of a process whose collector has become a black hole."""

import asyncio
import socket

import pytest

from confab.telemetry import otlp

FULL = 2_048
"""Spans that wait for an export, in the SDK's default configuration: four batches."""


@pytest.fixture
def black_hole():
    """An address that takes connections and requests, and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=16) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


async def test_a_full_queue_and_a_collector_that_never_answers_hold_nobody_up(black_hole, monkeypatch):
    monkeypatch.setattr(otlp, "FLUSH_S", 0.5)
    telemetry = otlp.exporting(black_hole, service="s", instance="i")
    for _ in range(FULL):
        with telemetry.span("work", None):
            pass
    async with asyncio.timeout(1.0):
        await telemetry.close()
