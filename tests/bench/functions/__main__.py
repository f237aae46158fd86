"""`python -m tests.bench.functions`: measure each function beside a bare functions-framework function.

Prints a table and writes docs/benchmarks/functions.*, unless there is `--no-write`. The bare
function responds with the same bytes as get_conversation.
"""

import asyncio
import sys
import tempfile
from functools import partial
from pathlib import Path

from tests.bench import runner
from tests.bench.functions import report
from tests.bench.functions.measurements import imported, served_once
from tests.bench.functions.site import FUNCTIONS, running_site
from tests.bench.runner import Measurement, Runs


def main() -> int:
    """Measure; 0 once the results are written."""
    parser = runner.options("python -m tests.bench.functions", __doc__, repetitions=9, write=True)
    parser.add_argument("--requests", type=int, default=400, help="warm requests each time (400)")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="confab-bench-") as folder:
        runs, imports = asyncio.run(_measured(Path(folder), asked.repetitions, asked.requests))
    document = report.document(runs, imports)
    runner.publish("functions", document, report.page(document), write=asked.write)
    return 0


async def _measured(folder: Path, repetitions: int, requests: int) -> tuple[Runs, Runs]:
    async with running_site(folder) as site:
        once = partial(served_once, site, requests=requests)
        starts = [Measurement("served", target, partial(once, target)) for target in FUNCTIONS]
        imports = [Measurement("imports", target, partial(imported, site, target)) for target in FUNCTIONS]
        return await runner.repeat(starts, repetitions), await runner.repeat(imports, 1)


if __name__ == "__main__":
    sys.exit(main())
