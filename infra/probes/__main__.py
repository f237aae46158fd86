"""`python -m infra.probes`: the doctor diagnoses a running system and suggests fixes.

Probes the stack that runs here, or the deployment to a --project. Exits with 0 if no probe failed,
1 if one did, 2 if the command line or the environment is wrong or no system can be found.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from confab import config
from infra.deploy.runner import Runner
from infra.local.data import ROOT, DataFolder
from infra.probes.acceptance import Extent, acceptance
from infra.probes.probe import document, passed, run_all, summary
from infra.probes.probes import PARTS, probes
from infra.probes.system import Named, System, Unclear, deployed, local

STANDARD_INPUT = "-"


def main(arguments: Sequence[str]) -> int:
    """Probe the system and print the results; the exit code."""
    options = _parser().parse_args(arguments)
    try:
        system = _system(options)
    except (config.ConfigError, Unclear) as error:
        print(f"infra.probes: {error}", file=sys.stderr)
        return 2
    try:
        results = run_all(probes(system, options.skip), quiet=options.json)
        if options.thorough is not None:
            extent = Extent(60 * options.thorough, every_s=1.0, idle_s=0.0)
            results += run_all([partial(acceptance, system, extent)], quiet=options.json)
    except KeyboardInterrupt:
        return 130
    print(document(results) if options.json else summary(results))
    return 0 if passed(results) else 1


def _system(options: argparse.Namespace) -> System:
    token = sys.stdin.readline().strip() if options.token == STANDARD_INPUT else options.token
    named = Named(options.url, tuple(options.realtime), token, frozenset(options.skip))
    if options.project is None:
        return local(named, os.environ, DataFolder(options.data))
    return deployed(options.project, options.stack, named, Runner(os.environ))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.probes", description=__doc__)
    parser.add_argument("--project", help="probe the deployment to this Google Cloud project")
    parser.add_argument("--stack", default="production", help="its Pulumi stack [production]")
    data = "data folder of the stack that runs here [.confab]"
    parser.add_argument("--data", type=Path, default=ROOT / ".confab", help=data)
    parser.add_argument("--url", help="Hosting's address [the stack's]")
    realtime = "a realtime instance; repeatable [the stack's]"
    parser.add_argument("--realtime", action="append", default=[], metavar="URL", help=realtime)
    identity = "a user's ID token, or - to read it; without one the Auth emulator creates a user"
    parser.add_argument("--token", help=identity)
    skip = "leave a part out; repeatable"
    parser.add_argument("--skip", action="append", default=[], choices=tuple(PARTS), help=skip)
    thorough = "also follow a room for so many minutes, write on two instances, and time first answers"
    parser.add_argument("--thorough", type=float, metavar="MINUTES", help=thorough)
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end, nothing else")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
