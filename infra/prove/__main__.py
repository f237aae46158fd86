"""Deploy to an empty project, measure from outside, write docs/proof/DATE.md, destroy.

Takes some two hours: one socket has to live longer than Cloud Run's 60 minutes, and then nobody may call for
20 minutes, so that everything starts cold. With --local, only measures the stack that runs here.
"""

import argparse
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from infra.cost.report import usd
from infra.deploy import commands, hosting, image, outlook, plan, prerequisites, stack
from infra.deploy.runner import Command, DeployError, Runner
from infra.deploy.target import MANAGED, ROOT, Target
from infra.gcp.names import STORE
from infra.gcp.settings import StoreMachine
from infra.local.data import DataFolder
from infra.probes.probe import Failure, Group, Result, passed, run_all, summary
from infra.probes.probes import probes
from infra.probes.system import Named, System, Unclear, at, local
from infra.prove.acceptance import Extent, acceptance
from infra.prove.empty import EMPTY
from infra.prove.proof import Proof, cost, page

STACK = "prove"
CELLS = '[{"name": "main", "concurrency": 1}]'
"""One request an instance, so that two sockets are two instances."""
ABOUT_H = 2.0
DISK, PAGE = "the store's disk", "the page"
_QUICK_S = 300.0


def main(arguments: Sequence[str], make_runner: Callable[[Mapping[str, str]], Runner] = Runner) -> int:
    """Prove a deployment; the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    extent = Extent(60 * options.minutes, options.every, 60 * options.idle)
    try:
        if options.local:
            return _measure_here(options, extent)
        if options.project is None:
            parser.error("--project names an empty project; --local measures the stack that runs here")
        return _prove(options, extent, make_runner)
    except (DeployError, Unclear) as error:
        print(f"infra.prove: {error}", file=sys.stderr)
        return 1


def _prove(
    options: argparse.Namespace, extent: Extent, make_runner: Callable[[Mapping[str, str]], Runner]
) -> int:
    env = {name: value for name, value in os.environ.items() if not name.startswith("SURREALDB_")}
    named = {"project": options.project, "stack": STACK, "region": options.region}
    target = stack.target_of(make_runner(env), env, **named, page="", store=MANAGED)
    target = replace(target, more={"confab:cells": CELLS})
    runner = make_runner(target.env)
    if options.dry_run:
        commands.show_plan(target, runner)
        commands.show(taking_down(target))
        return 0
    if not commands.ready((*prerequisites.deployment(target), *EMPTY), runner, target):
        return 1
    print("", *outlook.described(target), sep="\n")
    print(f"It is destroyed after some {ABOUT_H:g} hours, which cost {usd(cost(ABOUT_H))} at list prices.")
    if not options.yes and not commands.typed("Type the project's id to continue: ", target.project):
        raise DeployError("nothing was deployed: type the project's id, or pass --yes")
    return _deploy_and_destroy(target, runner, extent, options.folder)


def _deploy_and_destroy(target: Target, runner: Runner, extent: Extent, folder: Path) -> int:
    """Destroy in the end whatever happens, and then write the page, if there was anything to measure."""
    began, results = datetime.now(UTC), list[Result]()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        commands.deploy(target, runner)
        outputs = stack.outputs(runner, target.stack)
        system = at(outputs, Named())
        system = replace(system, web=outputs.page_url or system.web, signs_up=True)
        results = measure(system, extent, commands.PATIENCE_S)
    finally:
        left = take_down(target, runner)
        if results:
            ended, tag = datetime.now(UTC), image.tag()
            proof = Proof(target.project, target.region, tag, began, ended, results, left)
            folder.mkdir(parents=True, exist_ok=True)
            file = folder / f"{began:%Y-%m-%d}.md"
            file.write_text(page(proof))
            print(f"\n{summary(results)}; see {file}")
    return 0 if passed(results) and not left else 1


def measure(system: System, extent: Extent, patience_s: float = 0.0) -> list[Result]:
    """The contract first, then, one after the other, what takes long."""
    contract: list[Group] = probes(system, {"store"})
    results = run_all(contract, patience_s=patience_s)
    return results + run_all([partial(acceptance, system, extent)])


def take_down(target: Target, runner: Runner) -> list[str]:
    """Run every command that destroys, even after one has failed; what is left, and how to remove it."""
    left = []
    for command in taking_down(target):
        try:
            if command.title not in _SEEN or _SEEN[command.title](target, runner):
                runner.run(command)
        except (DeployError, KeyboardInterrupt) as error:
            left.append(f"{command.title}: {error or 'interrupted'}. Run `{command}`")
    print(f"\nThe network {STORE} stays for two hours, without cost. Then delete its subnets and itself:")
    for words in (f"subnets delete {STORE} {STORE}-clients --region={target.region}", f"delete {STORE}"):
        print(f"gcloud compute networks {words} --project={target.project}")
    for each in left:
        print(f"\nNOT DESTROYED, so it may cost money: {each}", file=sys.stderr)
    if left:
        print(f"or delete the whole project: gcloud projects delete {target.project}", file=sys.stderr)
    return left


def taking_down(target: Target) -> Iterator[Command]:
    """The commands that destroy what a proof has made."""
    yield plan.destruction(target)
    where = f"{STORE} --zone={target.region}-{StoreMachine().zone} --project={target.project}"
    yield Command(DISK, tuple(f"gcloud compute disks delete {where} --quiet".split()), _QUICK_S)
    site = f"--site {target.page} --project {target.project} --force --non-interactive"
    yield Command(PAGE, tuple(f"firebase hosting:disable {site}".split()), _QUICK_S)
    words = stack.pulumi(target.stack, "stack", "rm", "--force", "--yes")
    yield Command("the stack", words, _QUICK_S)


def _has_disk(target: Target, runner: Runner) -> bool:
    """Whether there is a disk, or no answer to that."""
    words = f"gcloud compute disks list --filter=name={STORE} --format=value(name) --project={target.project}"
    answer = runner.ask(*words.split(), "--quiet")
    return not answer.ok or bool(answer.out.strip())


def _has_page(target: Target, runner: Runner) -> bool:
    """Whether the page was released, or no answer to that."""
    try:
        return hosting.require_free(runner, target, str(target.page)).ours
    except Failure:
        return True


_SEEN = {DISK: _has_disk, PAGE: _has_page}
"""What a deployment that was broken off may not have made."""


def _measure_here(options: argparse.Namespace, extent: Extent) -> int:
    results = measure(local(Named(), os.environ, DataFolder(options.data)), extent)
    print(summary(results))
    return 0 if passed(results) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.prove", description=__doc__)
    parser.add_argument("--project", help="an empty Google Cloud project with billing and Firebase")
    parser.add_argument("--region", help="[us-central1]")
    extent = Extent()
    minutes = f"minutes for which one socket's room is followed [{extent.socket_s / 60:g}]"
    parser.add_argument("--minutes", type=float, default=extent.socket_s / 60, help=minutes)
    every = f"seconds between its messages [{extent.every_s:g}]"
    parser.add_argument("--every", type=float, default=extent.every_s, help=every)
    idle = f"minutes without a call before the cold starts [{extent.idle_s / 60:g}]"
    parser.add_argument("--idle", type=float, default=extent.idle_s / 60, help=idle)
    parser.add_argument("--folder", type=Path, default=ROOT / "docs/proof", help="of the page [docs/proof]")
    parser.add_argument("--local", action="store_true", help="measure the stack that runs here, and no more")
    data = "its data folder [.confab]"
    parser.add_argument("--data", type=Path, default=ROOT / ".confab", help=data)
    parser.add_argument("--dry-run", action="store_true", help="print the whole plan and do nothing")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
