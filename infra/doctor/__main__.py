"""`python -m infra.doctor`: what is wrong with a running system, and how to mend it.

Where its parts are comes from the same variables as everywhere, or from a deployed stack; what these do
not say, the stack says that runs here. Exits with 0 if nothing failed, 1 if something did, 2 if the
question was wrong or nothing says where to look.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from confab import config
from infra.deploy.runner import Runner
from infra.doctor import report, whereabouts
from infra.doctor.bus import bus
from infra.doctor.check import Group, Result, examine
from infra.doctor.conversation import conversation
from infra.doctor.realtime import realtime
from infra.doctor.site import Site
from infra.doctor.store import store
from infra.doctor.web import web
from infra.local.data import DataFolder
from infra.local.services import ROOT

STANDARD_INPUT = "-"
PARTS = ("web", "realtime", "store", "bus", "conversation")


def main(arguments: Sequence[str]) -> int:
    """Examine the system and print what was found; the exit code."""
    options = _parser().parse_args(arguments)
    try:
        site = _site(options)
    except (config.ConfigError, whereabouts.Unclear) as error:
        print(f"infra.doctor: {error}", file=sys.stderr)
        return 2
    try:
        results = asyncio.run(_examine(groups(site, options.skip), quiet=options.json))
    except KeyboardInterrupt:
        return 130
    print(report.document(results) if options.json else report.summary(results))
    return 0 if report.well(results) else 1


def groups(site: Site, skipped: Sequence[str] = ()) -> list[Group]:
    """What there is to examine in a system, but for the parts to skip."""
    every: dict[str, list[Group]] = {
        "web": [partial(web, site)],
        "realtime": [partial(realtime, site, url) for url in site.realtime],
        "store": [partial(store, site)],
        "bus": [partial(bus, site, cell) for cell in site.config.addresses],
        "conversation": [partial(conversation, site)],
    }
    return [group for part in PARTS if part not in skipped for group in every[part]]


async def _examine(examined: Sequence[Group], *, quiet: bool) -> list[Result]:
    results = []
    async for result in examine(examined):
        results.append(result)
        if not quiet:
            print(report.line(result), flush=True)
    return results


def _site(options: argparse.Namespace) -> Site:
    token = sys.stdin.readline().strip() if options.token == STANDARD_INPUT else options.token
    wish = whereabouts.Wish(options.url, tuple(options.realtime), token, frozenset(options.skip))
    if options.project is None:
        return whereabouts.local_or_named(wish, os.environ, DataFolder(options.data))
    return whereabouts.deployed(options.project, options.stack, wish, Runner(os.environ))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.doctor", description=__doc__)
    parser.add_argument("--project", help="examine what is deployed to this Google Cloud project")
    parser.add_argument("--stack", default="production", help="its Pulumi stack [production]")
    parser.add_argument(
        "--data",
        type=Path,
        default=ROOT / ".confab",
        help="data folder of the stack that runs here [.confab]",
    )
    parser.add_argument("--url", help="where Hosting serves the web app and /api [the stack's]")
    parser.add_argument(
        "--realtime",
        action="append",
        default=[],
        metavar="URL",
        help="a realtime instance; repeatable [CONFAB_REALTIME_URLS and CONFAB_CELLS, or the stack's]",
    )
    parser.add_argument(
        "--token", help="a user's ID token, or - to read it; without one the Auth emulator is asked"
    )
    parser.add_argument(
        "--skip", action="append", default=[], choices=PARTS, help="leave a part out; repeatable"
    )
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object at the end, and nothing else"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
