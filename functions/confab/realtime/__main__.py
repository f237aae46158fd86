"""Run a realtime container: `python -m confab.realtime`."""

import asyncio
import gc
import os
import signal
import sys

from confab import config, log
from confab.realtime.container import Container
from confab.wiring import Adapters

SWITCH_S = 0.0005
"""Seconds after which a thread that verifies tokens gives way to the event loop; Python's are 5 ms."""


async def serve(configuration: config.Config) -> None:
    """Serve until SIGTERM or SIGINT, then drain and return."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    adapters = Adapters(configuration, background=True)
    async with Container(adapters).serving(configuration.host, configuration.port) as port:
        spare_the_collector()
        sys.setswitchinterval(SWITCH_S)
        print(f"ready http://{configuration.host}:{port}", flush=True)  # noqa: T201 - whoever started it waits for this
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
    except config.ConfigError as error:
        sys.exit(f"confab.realtime: {error}")
    log.setup(configuration.project)
    try:
        asyncio.run(serve(configuration))
    except OSError as error:
        sys.exit(f"confab.realtime: port {configuration.port}: {error.strerror}")


if __name__ == "__main__":
    main()
