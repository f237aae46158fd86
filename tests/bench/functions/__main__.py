"""`python -m tests.bench.functions`: measure, print a table, write docs/benchmarks/functions.*."""

import argparse
import asyncio
import json
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from tests.bench.functions.client import Connection
from tests.bench.functions.cold import Start, cold_start
from tests.bench.functions.deployment import ROOT
from tests.bench.functions.imports import imports_of
from tests.bench.functions.results import Results, page
from tests.bench.functions.server import served
from tests.bench.functions.site import BARE, READS, WRITES, Site, running_site
from tests.bench.functions.warm import warm_cpu_ms
from tests.support.command import show

FUNCTIONS = (BARE, *READS, *WRITES)
FOLDER = ROOT / "docs" / "benchmarks"


def main() -> int:
    """Measure; 0 once the results are written."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="confab-bench-") as folder:
        results = asyncio.run(_measure(Path(folder), options))
    document = results.document()
    show(page(document))
    if options.write:
        (FOLDER / "functions.json").write_text(json.dumps(document, indent=2) + "\n")
        (FOLDER / "functions.md").write_text(page(document))
    return 0


async def _measure(folder: Path, options: argparse.Namespace) -> Results:
    async with running_site(folder) as site:
        site.body.write_bytes(await _page(site))
        starts: defaultdict[str, list[Start]] = defaultdict(list)
        for _ in range(options.rounds):
            for target in FUNCTIONS:
                starts[target].append(await cold_start(site, target))
        imports = {target: await imports_of(site, target) for target in FUNCTIONS}
        warm: defaultdict[str, list[float]] = defaultdict(list)
        async for block in warm_cpu_ms(site, FUNCTIONS, rounds=options.blocks, requests=options.requests):
            for target, ms in block.items():
                warm[target].append(ms)
        return Results(starts, imports, warm)


async def _page(site: Site) -> bytes:
    """What get_conversation answers, for the bare function to answer too."""
    site.body.write_bytes(b"{}")
    async with served(site.deployment, "get_conversation", site.env) as server:
        connection = await Connection.patient(server.port)
        page = await connection.ask(await site.request("get_conversation"))
        await connection.close()
        return page


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.functions",
        description="Measure each function beside a bare functions-framework function that answers the "
        "same bytes: time from the start of its process to its first answer, memory, imports, and "
        "processor time of a warm request. Functions take turns, so what else the machine does meets all.",
    )
    parser.add_argument("--rounds", type=int, default=9, help="cold starts of each function (%(default)s)")
    parser.add_argument("--blocks", type=int, default=7, help="blocks of warm requests (%(default)s)")
    parser.add_argument("--requests", type=int, default=400, help="requests in a block (%(default)s)")
    parser.add_argument("--no-write", dest="write", action="store_false", help="print the table only")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
