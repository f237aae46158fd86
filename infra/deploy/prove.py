"""Proves a deployment: deploys to an empty project, measures from outside, writes a page, and destroys."""

import argparse
import re
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from infra.cost.report import usd
from infra.deploy import commands, hosting, image, outlook, plan, prerequisites, proof, stack
from infra.deploy.prerequisites import Prerequisite
from infra.deploy.project import ENABLED, ask
from infra.deploy.runner import Command, DeployError, Runner
from infra.deploy.target import ROOT, Target
from infra.gcp.names import PREFIX, STORE
from infra.gcp.settings import StoreMachine
from infra.probes.acceptance import Extent, acceptance
from infra.probes.probe import Failure, Result, passed, run_all, summary
from infra.probes.probes import probes
from infra.probes.system import Named, System, at

CELLS = {"confab:cells": '[{"name": "main", "concurrency": 1}]'}
"""One request an instance, so that two sockets are two instances."""
PROOFS = ROOT / "docs/proof"
LISTS = {
    "iam": f"gcloud iam service-accounts list --filter=email~^{PREFIX} --format=value(email)",
    "compute": f"gcloud compute disks list --filter=name~^{PREFIX} --format=value(name)",
}
"""The commands that list each deployment's accounts, and the disks that one leaves, by their API."""
_ABOUT_H = 2.0
_QUICK_S = 300.0
_TERMINATED = 128 + signal.SIGTERM
_GONE = re.compile("not found|no stack named", re.IGNORECASE)
"""What the tools say of something that a deployment which was broken off has not made."""


def prove(target: Target, runner: Runner, options: argparse.Namespace) -> int:
    """Prove a deployment; the exit code."""
    target = replace(target, more=CELLS)
    if options.dry_run:
        commands.show_plan(target, runner)
        commands.show(taking_down(target))
        return 0
    if not commands.ready((*prerequisites.deployment(target), EMPTY), runner, target):
        return 1
    print("", *outlook.described(target), sep="\n")
    print(f"Destroyed after some {_ABOUT_H:g} hours, which cost {usd(proof.cost(_ABOUT_H))} at list prices.")
    if not options.yes and not commands.typed("Type the project's id to continue: ", target.project):
        raise DeployError("nothing was deployed: type the project's id, or pass --yes")
    began, results = datetime.now(UTC), list[Result]()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(_TERMINATED))
    try:
        commands.deploy(target, runner)
        outputs = stack.outputs(runner, target.stack)
        system = at(outputs, Named(outputs.page_url))
        results = measure(replace(system, signs_up=True), commands.PATIENCE_S)
    finally:
        left = take_down(target, runner)
        if results:
            PROOFS.mkdir(parents=True, exist_ok=True)
            file = PROOFS / f"{began:%Y-%m-%d}.md"
            file.write_text(proof.page(target, image.tag(), (began, datetime.now(UTC)), results, left))
            print(f"\n{summary(results)}; see {file}")
    return 0 if passed(results) and not left else 1


def nothing_of_confab(runner: Runner, target: Target) -> str:
    """Nothing that a proof would destroy is there: no deployment, no disk that one has left, no page."""
    if target.kept:
        raise Failure(f"the stack {target.stack} has settings, so it may have resources")
    enabled = ask(runner, target, ENABLED).split()
    for command in [command for api, command in LISTS.items() if f"{api}.googleapis.com" in enabled]:
        if found := ask(runner, target, f"{command} --project={{project}} --quiet").split():
            raise Failure(f"the project has {', '.join(found[:3])}")
    if target.page and hosting.require_free(runner, target, target.page).ours:
        raise Failure(f"{target.page} serves Confab")
    return "the project has none"


EMPTY = Prerequisite(
    "nothing of Confab's",
    nothing_of_confab,
    "take an empty project; or, after a proof that was broken off: make destroy PROJECT={project}"
    ' ARGS="--stack {stack}", and what it names',
    ("project", "APIs"),
)


def measure(system: System, patience_s: float) -> list[Result]:
    """The contract first, then, one after the other, what takes long."""
    contract = run_all(probes(system), patience_s=patience_s)
    return contract + run_all([partial(acceptance, system, Extent())])


def take_down(target: Target, runner: Runner) -> list[str]:
    """Run every command that destroys, even after one has failed; what is left, and how to remove it."""
    left = []
    for command in taking_down(target):
        print(f"\n{command.title}\n$ {command}", flush=True)
        try:
            answer = runner.attempt(command)
            trouble = "" if answer.ok or _GONE.search(answer.out) else f"it ended with {answer.code}"
        except (DeployError, KeyboardInterrupt, SystemExit) as error:
            trouble = str(error) or "interrupted"
        if trouble:
            left.append(f"{command.title}: {trouble}. Run `{command}`")
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
    yield Command("the store's disk", tuple(f"gcloud compute disks delete {where} --quiet".split()), _QUICK_S)
    site = f"--site {target.page} --project {target.project} --force --non-interactive"
    yield Command("the page", tuple(f"firebase hosting:disable {site}".split()), _QUICK_S)
    yield Command("the stack", stack.pulumi(target.stack, "stack", "rm", "--force", "--yes"), _QUICK_S)
