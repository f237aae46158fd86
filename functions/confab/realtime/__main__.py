"""Run a realtime container: `python -m confab.realtime`. Reads HOST and PORT beside Confab's own."""

import asyncio
import gc
import os
import signal
import sys

from confab import config, log
from confab.realtime.container import Container
from confab.wiring import Ports

PUBLISH_PAUSE_S = 0.02
"""Seconds between two calls of the bus: what a busy container tells others may wait so long."""


async def serve(configuration: config.Config, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT, then drain and return."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    ports = Ports(configuration, publish_pause_s=PUBLISH_PAUSE_S)
    async with Container(ports).serving(host, port) as bound:
        spare_the_collector()
        print(f"ready http://{host}:{bound}", flush=True)  # noqa: T201 - whoever started it waits for this
        await stop.wait()


def spare_the_collector() -> None:
    """Leave what the process has started with out of every later collection, and collect less often.

    The cyclic collector runs after a number of allocations, whether or not there is anything to
    collect; with many sockets it would walk all of them several times a second.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)


def main() -> None:
    """Check the environment and serve; exits with 1 and a line that says why if that cannot be."""
    try:
        configuration = config.load(os.environ)
        port = int(os.environ.get("PORT", "8080"))
    except (config.ConfigError, ValueError) as error:
        sys.exit(f"confab.realtime: {error}")
    log.setup(configuration.project)
    try:
        asyncio.run(serve(configuration, os.environ.get("HOST", "0.0.0.0"), port))  # noqa: S104 - a container's
    except OSError as error:
        sys.exit(f"confab.realtime: port {port}: {error.strerror}")


if __name__ == "__main__":
    main()
