"""The commands of `python -m infra.deploy`."""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from confab.config import ConfigError
from infra.deploy import hosting, image, outlook, plan, prerequisites, stack
from infra.deploy.prerequisites import TOOLS, Prerequisite, group
from infra.deploy.runner import Answer, Command, DeployError, Runner
from infra.deploy.stack import Outputs
from infra.deploy.target import Target
from infra.gcp.settings import SettingsError
from infra.probes.probe import Failure, passed, run_all
from infra.probes.probes import WITH_CREDENTIALS, probes
from infra.probes.system import Named, at
from infra.probes.web import web

PATIENCE_S = 180.0
"""How long failing probes of a deployment are repeated: until new revisions and grants have propagated."""
CommandOf = Callable[[Target, Runner, argparse.Namespace], int]


def run(
    options: argparse.Namespace,
    known: Mapping[str, CommandOf],
    make_runner: Callable[[Mapping[str, str]], Runner] = Runner,
) -> int:
    """Run the command of these options, one of those that are known; the exit code."""
    try:
        target = stack.target_of(make_runner(_shown(os.environ)), os.environ, options)
        return known[options.command](target, make_runner(_shown(target.env)), options)
    except (DeployError, ConfigError, SettingsError, Failure) as error:
        print(f"infra.deploy: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _shown(env: Mapping[str, str]) -> Mapping[str, str]:
    """The variables for the tools: a command that needs a password gets that one alone."""
    return {name: value for name, value in env.items() if name not in stack.HIDDEN}


def check(target: Target, runner: Runner, options: argparse.Namespace) -> int:
    """List what a deployment lacks and how to fix it, then what the app's site lacks to lead to it."""
    met = ready((*prerequisites.deployment(target), *prerequisites.BUS), runner, target)
    try:
        system = at(stack.outputs(runner, target.stack), Named())
    except DeployError as error:
        print(f"\nyour site was not probed, because nothing is deployed: {error}")
        return 0 if met else 1
    sites = options.origin or [system.web]
    print(f"\nprobing {', '.join(sites)}", flush=True)
    results = run_all([partial(web, replace(system, web=site)) for site in sites])
    if not passed(results):
        print("", *outlook.guide(system), sep="\n")
    return 0 if met and passed(results) else 1


def up(target: Target, runner: Runner, options: argparse.Namespace) -> int:
    """Deploy. Changes nothing while a prerequisite is missing or the operator has not confirmed."""
    if options.dry_run:
        return show_plan(target, runner)
    if not ready(prerequisites.deployment(target), runner, target):
        return 1
    print("", *outlook.described(target), sep="\n")
    if not options.yes and not typed("Type yes to continue: ", "yes"):
        raise DeployError("nothing was deployed: type yes, or pass --yes")
    return 0 if deploy(target, runner) else 1


def deploy(target: Target, runner: Runner) -> bool:
    """Deploy, say what the app needs, and probe the deployment; whether every probe was ok."""
    for command in _commands(target, runner):
        runner.run(command)
    outputs = stack.outputs(runner, target.stack)
    if outputs.page:
        _release_page(target, runner, outputs)
    print("\nprobing the deployment", flush=True)
    system = at(outputs, Named(outputs.page_url))
    if not outputs.page:
        system = replace(system, functions=outputs.functions)
    skipped = WITH_CREDENTIALS if outputs.page else WITH_CREDENTIALS | {"sign-in"}
    if not passed(run_all(probes(system, skipped), patience_s=PATIENCE_S)):
        return False
    print("", *outlook.guide(system), sep="\n")
    print(f"Then: make deploy-check PROJECT={target.project}")
    print(f"\ndeployed {outputs.page_url or f'to {target.project}'}")
    return True


def _commands(target: Target, runner: Runner, unknown: str | None = None) -> Iterable[Command]:
    """The commands up to the page's release, each asked for once those before it have run.

    The image is built unless it exists. A dry run has a word for what it does not know.
    """
    tagged = f"{target.images}:{image.tag()}"
    digest, number = runner.ask(*plan.image_digest(tagged)), ""
    if not digest.ok:
        number = _known("the project's number", runner.ask(*plan.project_number(target)), unknown)
    has_machine = _has_machine(target, runner)
    yield from plan.settings(target)
    yield plan.preview(target)
    if not digest.ok:
        yield from plan.build(target, tagged, number)
        digest = runner.ask(*plan.image_digest(tagged))
    pinned = f"{target.images}@{_known('the digest of the image', digest, unknown)}"
    if target.kept.get("confab:image") != pinned:
        yield plan.pin(target, pinned)
    yield from plan.release(target, has_machine=has_machine)


def _known(title: str, answer: Answer, unknown: str | None) -> str:
    if not answer.ok and unknown is None:
        raise DeployError(f"{title}: {answer.trouble}")
    return answer.out.strip() if answer.ok else str(unknown)


def _has_machine(target: Target, runner: Runner) -> bool:
    """Whether an earlier deployment has made the store's machine, all of it."""
    try:
        return stack.outputs(runner, target.stack).has_machine
    except DeployError:
        return False


def _release_page(target: Target, runner: Runner, outputs: Outputs) -> None:
    assert outputs.page is not None
    try:
        hosting.require_free(runner, target, outputs.page)  # another app may have taken it meanwhile
    except Failure as failure:
        raise DeployError(f"the page was not released: {failure.seen}") from None
    with tempfile.TemporaryDirectory(prefix="confab-deploy-") as folder:
        firebase_json = Path(folder) / "firebase.json"
        hosting.lay_out(firebase_json, outputs, at(outputs, Named()).sources)
        runner.run(plan.page(target, firebase_json))


def destroy(target: Target, runner: Runner, options: argparse.Namespace) -> int:
    """Destroy what was deployed, once the operator has confirmed it."""
    command = plan.destruction(target)
    if options.dry_run:
        show([command])
        return 0
    if not ready(TOOLS, runner, target):
        return 1
    question = f"This destroys Confab in {target.project}. Type its id to continue: "
    if not options.yes and not typed(question, target.project):
        raise DeployError("nothing was destroyed: type the project's id, or pass --yes")
    runner.run(command)
    print(f"\nStill there: Firebase's sites and users, the project, its APIs, and {_left(target)}.")
    return 0


def _left(target: Target) -> str:
    if not target.managed:
        return "your store"
    return f"the store's disk, snapshots and network (gcloud compute disks list --project {target.project})"


COMMANDS: Mapping[str, CommandOf] = {"check": check, "up": up, "destroy": destroy}


def ready(prerequisites: Iterable[Prerequisite], runner: Runner, target: Target) -> bool:
    """Print what each prerequisite's probe finds; whether all are met."""
    return passed(run_all([group(prerequisites, runner, target)], failed="MISSING"))


def show_plan(target: Target, runner: Runner) -> int:
    """Print what `up` would do, and what is not known yet."""
    shown, unknown = outlook.completed(target)
    if not runner.ask(*plan.project_number(target)).ok:
        unknown = [*unknown, f"the project's number: {outlook.UNKNOWN}"]
        unknown += ["whether the image exists, which saves its build"]
    elif not runner.ask(*plan.image_digest(f"{target.images}:{image.tag()}")).ok:
        unknown = [*unknown, "the digest of the image, which is not built"]
    print(*outlook.described(shown), sep="\n")
    commands = [*_commands(shown, runner, outlook.UNKNOWN)]
    if shown.page:
        commands.append(plan.page(shown, Path("firebase.json")))
    show(commands)
    print("\nNot known yet:", *(unknown or ["nothing"]), sep="\n  ")
    print(f"make deploy-check PROJECT={target.project} lists what is missing here and in the project")
    return 0


def show(commands: Iterable[Command]) -> None:
    """Print commands that are not run."""
    for command in commands:
        print(f"\n{command.title}\n$ {command}")
        if command.retry is not None:
            print(f"({command.retry})")


def typed(question: str, expected: str) -> bool:
    """Whether the operator answers this."""
    try:
        return input(question).strip() == expected
    except EOFError:
        return False
