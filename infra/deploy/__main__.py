"""Deploy Confab to a Google Cloud project, or destroy a deployment. docs/first-deployment.md is the guide."""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from confab.config import ConfigError
from infra.deploy import hosting, image, plan, stack
from infra.deploy.prerequisites import DEPLOYMENT, TOOLS, Prerequisite, group
from infra.deploy.runner import Command, DeployError, Runner
from infra.deploy.target import REGION, Target
from infra.probes.probe import Failure, passed, run_all
from infra.probes.probes import WITH_CREDENTIALS, probes
from infra.probes.system import Named, at

PATIENCE_S = 180.0
"""How long failing probes of a deployment are repeated: until new revisions and grants have propagated."""


def main(arguments: Sequence[str], make_runner: Callable[[Mapping[str, str]], Runner] = Runner) -> int:
    """Run the command of the command line; the exit code."""
    options = _parser().parse_args(arguments)
    target = stack.target_of(
        make_runner(os.environ),
        os.environ,
        project=options.project,
        stack=options.stack,
        region=options.region,
        site=options.site,
        store_elsewhere=options.store_elsewhere,
        move=options.move,
    )
    try:
        return _COMMANDS[options.command](target, make_runner(target.env), options)
    except (DeployError, ConfigError) as error:
        print(f"infra.deploy: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def check(target: Target, runner: Runner, _: argparse.Namespace) -> int:
    """List what a deployment lacks, and how to fix it."""
    return 0 if _ready(DEPLOYMENT, runner, target) else 1


def up(target: Target, runner: Runner, options: argparse.Namespace) -> int:
    """Deploy. Changes nothing while a prerequisite is missing."""
    ready = _ready(DEPLOYMENT, runner, target)
    if not ready and not options.dry_run:
        return 1
    wanted = target.image(image.tag())
    with tempfile.TemporaryDirectory(prefix="confab-deploy-") as folder:
        firebase_json = Path(folder) / "firebase.json"
        commands = [
            *plan.settings(target, wanted),
            plan.preview(target),
            *_build(target, runner, wanted, options),
            *plan.release(target),
        ]
        page = plan.page(target, firebase_json)
        if options.dry_run:
            return _show([*commands, page], ready=ready)
        for command in commands:
            runner.run(command)
        outputs = stack.outputs(runner, target.stack)
        try:
            hosting.require_free(runner, target, outputs.site)  # another app may have taken it meanwhile
        except Failure as failure:
            raise DeployError(f"the page was not released: {failure.seen}") from None
        hosting.lay_out(firebase_json, outputs)
        runner.run(page)
    print("\nprobing the deployment", flush=True)
    system = at(outputs, Named())
    if not passed(run_all(probes(system, WITH_CREDENTIALS), patience_s=PATIENCE_S)):
        return 1
    print(f"\ndeployed {outputs.web_url}")
    return 0


def destroy(target: Target, runner: Runner, options: argparse.Namespace) -> int:
    """Destroy what was deployed, once the operator has confirmed it."""
    ready = _ready(TOOLS, runner, target)
    command = plan.destruction(target)
    if options.dry_run:
        return _show([command], ready=ready)
    if not ready:
        return 1
    if not options.yes and not _confirmed(target):
        raise DeployError("nothing was destroyed: type the project's id, or pass --yes")
    runner.run(command)
    print("\nThe store, the users of Firebase Auth, the project itself and the APIs are still there.")
    return 0


_COMMANDS = {"check": check, "up": up, "destroy": destroy}


def _ready(prerequisites: Iterable[Prerequisite], runner: Runner, target: Target) -> bool:
    return passed(run_all([group(prerequisites, runner, target)], failed="MISSING"))


def _build(target: Target, runner: Runner, wanted: str, options: argparse.Namespace) -> Iterable[Command]:
    """The commands that build the image, unless it exists."""
    if runner.ask(*plan.image_exists(wanted)).ok:
        return ()
    number = runner.ask(*plan.project_number(target))
    if not number.ok and not options.dry_run:
        raise DeployError(f"the project's number: {number.trouble}")
    return plan.build(target, wanted, number.out.strip() if number.ok else "PROJECT_NUMBER")


def _show(commands: Iterable[Command], *, ready: bool) -> int:
    """Print the commands of a dry run; the exit code."""
    for command in commands:
        print(f"\n{command.title}\n$ {command}")
        if command.retry is not None:
            print(f"({command.retry})")
    if not ready:
        print("\nprerequisites are missing, see above: these commands cannot run yet")
    return 0 if ready else 1


def _confirmed(target: Target) -> bool:
    try:
        return input(f"This destroys Confab in {target.project}. Type its id to continue: ") == target.project
    except EOFError:
        return False


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.deploy", description=__doc__)
    subparsers = parser.add_subparsers(dest="command", required=True)
    for name, command in _COMMANDS.items():
        one = subparsers.add_parser(name, help=command.__doc__, description=command.__doc__)
        one.add_argument("--project", required=True, help="the Google Cloud project's id")
        one.add_argument("--region", help=f"[the stack's; {REGION} for a new one]")
        one.add_argument("--stack", default="production", help="the Pulumi stack [production]")
        one.add_argument("--site", help="the Hosting site [the stack's; the project's id for a new one]")
        elsewhere = "this machine cannot reach the store: neither probe nor migrate it"
        one.add_argument("--store-elsewhere", action="store_true", help=elsewhere)
        move = "deploy even if the region, site or store differs from the stack's"
        one.add_argument("--move", action="store_true", help=move)
        if command is not check:
            dry_run = "print the commands and run none, even while prerequisites are missing"
            one.add_argument("--dry-run", action="store_true", help=dry_run)
        if command is destroy:
            one.add_argument("--yes", action="store_true", help="do not ask")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
