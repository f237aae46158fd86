"""Deploy Confab to a Google Cloud project, or take it away again. docs/deploy.md is the guide."""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from infra.deploy import checks, hosting, image, needs, plan, site, smoke, stack
from infra.deploy.runner import Command, DeployError, Runner
from infra.deploy.target import REGION, Target


def main(arguments: Sequence[str]) -> int:
    """Run the command of the command line; 0 if all is well."""
    options = _parser().parse_args(arguments)
    target = stack.target_of(
        Runner(os.environ),
        os.environ,
        project=options.project,
        stack=options.stack,
        region=options.region,
        site=options.site,
        store_elsewhere=options.store_elsewhere,
        move=options.move,
    )
    try:
        return _COMMANDS[options.command](target, Runner(target.env), options)
    except DeployError as error:
        print(f"infra.deploy: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def check(target: Target, runner: Runner, _: argparse.Namespace) -> int:
    """Look whether all is there that a deployment needs."""
    return 0 if checks.report(needs.DEPLOYMENT, runner, target) else 1


def up(target: Target, runner: Runner, options: argparse.Namespace) -> int:
    """Deploy; nothing is touched while something is missing."""
    ready = checks.report(needs.DEPLOYMENT, runner, target)
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
        outputs = stack.outputs(runner, target)
        if trouble := site.occupied(runner, target, outputs.site):  # it may be since the beginning
            raise DeployError(f"the page was not released: {trouble}")
        hosting.lay_out(firebase_json, outputs)
        runner.run(page)
    print("\ndoes it answer", flush=True)
    if not smoke.smoke(outputs):
        return 1
    print(f"\ndeployed {outputs.web_url}")
    return 0


def destroy(target: Target, runner: Runner, options: argparse.Namespace) -> int:
    """Take away what was deployed, once somebody has said so."""
    ready = checks.report(needs.TOOLS, runner, target)
    commands = list(plan.destruction(target))
    if options.dry_run:
        return _show(commands, ready=ready)
    if not ready:
        return 1
    if not options.yes and not _confirmed(target):
        raise DeployError("nothing was destroyed: type the project's id, or pass --yes")
    for command in commands:
        runner.run(command)
    print("\nThe store, the users of Firebase Auth, the project itself and the APIs are still there.")
    return 0


_COMMANDS = {"check": check, "up": up, "destroy": destroy}


def _build(target: Target, runner: Runner, wanted: str, options: argparse.Namespace) -> Iterable[Command]:
    """The commands that build the image, unless it is there."""
    if runner.ask(*plan.image_exists(wanted)).ok:
        return ()
    number = runner.ask(*plan.project_number(target))
    if not number.ok and options.dry_run:
        return plan.build(target, wanted, "PROJECT_NUMBER")
    if not number.ok:
        raise DeployError(f"the project's number: {number.trouble}")
    return plan.build(target, wanted, number.out.strip())


def _show(commands: Iterable[Command], *, ready: bool) -> int:
    """Print the commands of a dry run; the exit code."""
    for command in commands:
        print(f"\n{command.title}\n$ {command}")
        if command.again is not None:
            print(f"({command.again})")
    if not ready:
        print("\nsomething is missing, as said above: none of this can be run yet")
    return 0 if ready else 1


def _confirmed(target: Target) -> bool:
    try:
        return input(f"This destroys Confab in {target.project}. Its id, to go on: ") == target.project
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
        one.add_argument(
            "--store-elsewhere",
            action="store_true",
            help="the store cannot be reached from here: neither look at it nor migrate it",
        )
        one.add_argument(
            "--move",
            action="store_true",
            help="go on where the region, the site or the store is another one than the stack's",
        )
        if command is not check:
            one.add_argument(
                "--dry-run",
                action="store_true",
                help="print the commands, run none, even where something is missing",
            )
        if command is destroy:
            one.add_argument("--yes", action="store_true", help="do not ask")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
