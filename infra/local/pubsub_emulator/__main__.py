"""The command line of the emulator."""

import argparse
import asyncio
import signal
import sys

from infra.local.pubsub_emulator.server import serving


def main() -> int:
    """Serve until SIGTERM or SIGINT; the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m infra.local.pubsub_emulator",
        description="A Pub/Sub emulator in memory. Prints 'ready HOST:PORT' once it serves.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=8085, help="0 lets the system choose (%(default)s)")
    options = parser.parse_args()
    try:
        asyncio.run(_serve(options.host, options.port))
    except OSError as error:
        print(f"cannot listen on {options.host}:{options.port}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


async def _serve(host: str, port: int) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with serving(host, port) as bound:
        print(f"ready {host}:{bound}", flush=True)
        await stop.wait()


if __name__ == "__main__":
    sys.exit(main())
