"""`python -m infra.local.surrealdb_server`: serve a data folder, or memory, until SIGTERM or SIGINT."""

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path

from infra.local.surrealdb_server.engine import Engine, EngineError
from infra.local.surrealdb_server.server import CLOSE_TIMEOUT_S, listen


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m infra.local.surrealdb_server",
        description="A local SurrealDB server: the embedded engine with the WebSocket RPC protocol. "
        "SURREALDB_USER with SURREALDB_PASSWORD, root and root by default, may do everything. It may define "
        "further users, whom the engine holds to their roles.",
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1")
    add("--port", type=int, default=8000, help="0 takes a free port, which the ready line names")
    add("--path", type=Path, default=Path(".confab/surrealdb"), help="the data folder")
    add("--memory", action="store_true", help="keep the data in memory alone")
    concurrency = "requests that the engine executes at once; above 1, transactions conflict as in production"
    add("--concurrency", type=int, default=1, metavar="N", help=concurrency)
    expiry = "how long a sign-in lasts (default: an hour)"
    add("--session-seconds", type=float, default=3600.0, metavar="S", help=expiry)
    return parser.parse_args()


async def _open(arguments: argparse.Namespace) -> Engine:
    if not arguments.memory:
        try:
            arguments.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise EngineError(f"{error.strerror}: {arguments.path}") from error
    url = "mem://" if arguments.memory else f"surrealkv://{arguments.path.resolve()}"
    engine = Engine(url, concurrency=arguments.concurrency)
    root = os.environ.get("SURREALDB_USER") or "root", os.environ.get("SURREALDB_PASSWORD") or "root"
    await engine.open(root, session_s=arguments.session_seconds)
    return engine


async def _serve(arguments: argparse.Namespace) -> str:
    """Serve until a signal; the error, or ""."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    host, port = arguments.host, arguments.port
    try:
        engine = await _open(arguments)
    except EngineError as error:
        return f"cannot open the data: {error}"
    try:
        server = await listen(engine, host=host, port=port)
    except OSError as error:
        await engine.close()
        return f"cannot listen on {host}:{port}: {os.strerror(error.errno or 0)}"
    print(f"ready ws://{host}:{next(iter(server.sockets)).getsockname()[1]}", flush=True)
    await stopping.wait()
    server.close()  # after the requests in flight
    await asyncio.wait_for(server.wait_closed(), 2 * CLOSE_TIMEOUT_S)
    await engine.close()
    return ""


def main() -> None:
    """Serve, then end the process."""
    reason = asyncio.run(_serve(_arguments()))
    if reason:
        print(f"surrealdb server: {reason}", file=sys.stderr, flush=True)
    # The engine's threads may call into Python after it is closed. During the interpreter's shutdown
    # such a call aborts the process (1 of 10 exits), so skip the shutdown: all data is written by now.
    os._exit(1 if reason else 0)


if __name__ == "__main__":
    main()
