"""`python -m infra.local.surrealdb_server`: serve a data folder, or memory, until SIGTERM or SIGINT."""

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path

from infra.local.surrealdb_server.engine import Engine, EngineError
from infra.local.surrealdb_server.server import listen, stop
from infra.local.surrealdb_server.session import Credentials

SESSION_S = 3600.0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m infra.local.surrealdb_server",
        description="A local SurrealDB server: the embedded engine behind the WebSocket RPC protocol. "
        "The user is SURREALDB_USER with SURREALDB_PASSWORD, root and root by default.",
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000, help="0 takes a free one; the ready line names it")
    parser.add_argument("--path", type=Path, default=Path(".confab/surrealdb"), help="the data folder")
    parser.add_argument("--memory", action="store_true", help="keep nothing: use memory instead of --path")
    parser.add_argument(
        "--concurrency",
        type=int,
        default=1,
        metavar="N",
        help="requests that the engine works on at once; above 1, transactions conflict as in production",
    )
    parser.add_argument(
        "--session-seconds",
        type=float,
        default=SESSION_S,
        metavar="S",
        help="how long a sign-in lasts (default: an hour)",
    )
    return parser.parse_args()


async def _open(arguments: argparse.Namespace) -> Engine:
    if not arguments.memory:
        try:
            arguments.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise EngineError(f"{error.strerror}: {arguments.path}") from error
    url = "mem://" if arguments.memory else f"surrealkv://{arguments.path.resolve()}"
    engine = Engine(url, concurrency=arguments.concurrency)
    await engine.open()
    return engine


async def _serve(arguments: argparse.Namespace) -> int:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    try:
        engine = await _open(arguments)
    except EngineError as error:
        return _fail(f"cannot open the data: {error}")
    try:
        server = await listen(
            engine,
            Credentials(
                os.environ.get("SURREALDB_USER") or "root", os.environ.get("SURREALDB_PASSWORD") or "root"
            ),
            host=arguments.host,
            port=arguments.port,
            session_s=arguments.session_seconds,
        )
    except OSError as error:
        await engine.close()
        return _fail(f"cannot listen on {arguments.host}:{arguments.port}: {os.strerror(error.errno or 0)}")
    port = next(iter(server.sockets)).getsockname()[1]
    print(f"ready ws://{arguments.host}:{port}", flush=True)
    await stopping.wait()
    await stop(server)
    await engine.close()
    return 0


def _fail(reason: str) -> int:
    print(f"surrealdb server: {reason}", file=sys.stderr, flush=True)
    return 1


def main() -> None:
    """Serve as the command line says, and end the process."""
    code = asyncio.run(_serve(_arguments()))
    # The engine's threads may still call into Python after it is closed. Met by an interpreter
    # that is shutting down, such a call aborts the process (seen in 1 of 10 exits); all is
    # written and closed by now, so there is nothing to shut down for.
    os._exit(code)


if __name__ == "__main__":
    main()
