"""`python -m tests.hostile`: attack a real system, with a well-behaved pair beside it, and judge."""

import argparse
import json
import random
import sys
from fnmatch import fnmatch
from pathlib import Path

from tests.hostile.attacks import ATTACKS
from tests.hostile.attacks.attack import Attack
from tests.hostile.options import ROOT, Options, malloc_of
from tests.hostile.report import fields, markdown, text, verdict
from tests.hostile.siege import besiege
from tests.support.command import Say, carry_out, show


def main() -> int:
    """Run the attacks; 0 if none did harm, 1 if one did, 130 if it was interrupted."""
    given = _parser().parse_args()
    if given.list:
        show(*(f"{attack.name:22} item {attack.item}" for attack in ATTACKS.values()))
        return 0
    options = _options(given)

    async def attack(folder: Path, say: Say) -> tuple[bool, bool]:
        records = await besiege(options, _chosen(given), folder, say)
        show(*text(records, options))
        if given.json:
            given.json.write_text(json.dumps(fields(records, options), indent=1))
        if given.write:
            given.write.write_text(markdown(records, options))
        harm = any(verdict(record, options) for record in records)
        return not harm, harm

    allocator = dict(options.malloc) or "as it is"
    return carry_out("hostile", f"seed {options.seed}, {options.root}, allocator {allocator}", attack)


def _chosen(given: argparse.Namespace) -> list[Attack]:
    chosen = [
        attack
        for attack in ATTACKS.values()
        if (not given.only or any(fnmatch(attack.name, pattern) for pattern in given.only))
        and (not given.item or attack.item in given.item)
        and not any(fnmatch(attack.name, pattern) for pattern in given.without)
    ]
    if not chosen:
        sys.exit("there is no such attack; --list names them")
    return chosen


def _options(given: argparse.Namespace) -> Options:
    malloc = (
        malloc_of(given.root) if given.malloc is None else dict(pair.split("=", 1) for pair in given.malloc)
    )
    return Options(
        seed=random.SystemRandom().randrange(10**6) if given.seed is None else given.seed,
        root=given.root.resolve(),
        small=given.small,
        fresh=given.fresh,
        malloc=malloc,
        p99_ms=given.p99,
        window_s=given.window,
        memory_s=given.memory,
    )


def _parser() -> argparse.ArgumentParser:
    usual = Options(seed=0)
    parser = argparse.ArgumentParser(
        prog="python -m tests.hostile",
        description="Attack two instances and three functions on loopback as strangers, users and forgers "
        "on the bus would, while a well-behaved pair talks. An attack did harm if the pair's "
        "p99 was too long, an entry was lost, a process died, the memory did not come back, or anything "
        "above 499 but `unavailable` was answered; some have rules of their own.",
    )
    parser.add_argument("--root", type=Path, default=ROOT, help="the checkout whose functions/ is served")
    parser.add_argument("--seed", type=int, help="of what is random; a new one by default")
    parser.add_argument(
        "--only", action="append", metavar="NAME", help="an attack, or a pattern as gzip*; again for more"
    )
    parser.add_argument("--without", action="append", default=[], metavar="NAME", help="leave an attack out")
    parser.add_argument("--item", type=int, action="append", help="1 no token, 2 identity, 3 size, 4 the bus")
    parser.add_argument("--small", action="store_true", help="the counts that suit `make test`")
    parser.add_argument("--fresh", action="store_true", help="new processes for each attack")
    parser.add_argument(
        "--malloc",
        action="append",
        metavar="NAME=VALUE",
        help="glibc's variables; by default those that the checkout deploys",
    )
    parser.add_argument(
        "--p99", type=float, default=usual.p99_ms, metavar="MS", help="of the pair (%(default)s)"
    )
    parser.add_argument(
        "--window", type=float, default=usual.window_s, metavar="S", help="watched at least (%(default)s)"
    )
    parser.add_argument(
        "--memory", type=float, default=usual.memory_s, metavar="S", help="until it is back (%(default)s)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the records there")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write a Markdown table there")
    parser.add_argument("--list", action="store_true", help="name the attacks")
    return parser


if __name__ == "__main__":
    sys.exit(main())
