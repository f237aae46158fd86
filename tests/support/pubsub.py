"""Pub/Sub emulators in processes of their own: ours, and Google's where its CLI has it installed."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path

from tests.support.processes import Server, listens

OURS = "infra.local.pubsub_emulator"


class PubSubServer(Server):
    """An emulator that keeps its port, and nothing else, through restarts: ours, or the one in a jar."""

    def __init__(self, folder: Path, jar: Path | None = None, *, ours: tuple[str, ...] = (OURS,)) -> None:
        program = ("java", "-Xmx256m", "-jar", str(jar)) if jar else (sys.executable, "-m", *ours)
        command = (*program, "--host=127.0.0.1", "--port={port}")
        super().__init__("pubsub", command, env=os.environ, folder=folder, ready=listens)
        self.filters = jar is None
        """Whether it heeds the filters of subscriptions."""


@asynccontextmanager
async def pubsub_server(jar: Path | None = None) -> AsyncIterator[PubSubServer]:
    """A running emulator; gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        server = PubSubServer(Path(folder), jar)
        try:
            await server.start()
            yield server
        finally:
            await server.close()


@cache
def google_emulator_jar() -> Path | str:
    """The jar of Google's emulator, or why there is none."""
    for needed in ("gcloud", "java"):
        if shutil.which(needed) is None:
            return f"Google's Pub/Sub emulator needs {needed}"
    info = ["gcloud", "info", "--format=value(installation.sdk_root)"]
    root = subprocess.run(info, check=True, capture_output=True, text=True, timeout=60).stdout.strip()
    jars = sorted(Path(root).glob("platform/pubsub-emulator/lib/cloud-pubsub-emulator-*-all.jar"))
    return jars[-1] if jars else "the Google Cloud CLI has no Pub/Sub emulator installed"


def closed_port() -> str:
    """An address on loopback where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"
