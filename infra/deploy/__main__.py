"""Deploy Confab to a Google Cloud project, or destroy a deployment. docs/first-deployment.md is the guide."""

import argparse
import sys
from collections.abc import Sequence

from infra.deploy.target import MANAGED, PAGE_SUFFIX, REGION

COMMANDS = {
    "check": "List what a deployment lacks, and what the app's site lacks once it is deployed.",
    "up": "Deploy. Changes nothing while a prerequisite is missing, and no Hosting site but the page's.",
    "prove": "Deploy to an EMPTY project, measure it from outside, write docs/proof/DATE.md, and destroy it.",
    "destroy": "Destroy what was deployed, once the operator has confirmed it.",
}


def main(arguments: Sequence[str]) -> int:
    """Run the command of the command line; the exit code. `--help` needs the standard library alone."""
    options = _parser().parse_args(arguments)
    try:
        from infra.deploy import commands, prove  # noqa: PLC0415 - the help is there before the packages are
    except ModuleNotFoundError as missing:
        print(f"infra.deploy: {missing.name} is not installed: make install", file=sys.stderr)
        return 2
    return commands.run(options, {**commands.COMMANDS, "prove": prove.prove})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.deploy", description=__doc__)
    subparsers = parser.add_subparsers(dest="command", required=True)
    for name, promise in COMMANDS.items():
        one = subparsers.add_parser(name, help=promise, description=promise)
        one.add_argument("--project", required=True, help="the Google Cloud project's id")
        one.add_argument("--region", help=f"[the stack's; {REGION} for a new one]")
        name_of_stack = "prove" if name == "prove" else "production"
        one.add_argument("--stack", default=name_of_stack, help=f"the Pulumi stack [{name_of_stack}]")
        site = "your app's Hosting site, which may call and stays as it is [the stack's, or the project's id]"
        one.add_argument("--site", help=site)
        origin = "your app's own domain, such as https://chat.example, which may call too; repeatable; kept"
        one.add_argument("--origin", action="append", default=[], metavar="URL", type=_origin, help=origin)
        page = f"release the demonstration page, too, on a site of its own [PROJECT{PAGE_SUFFIX}]; kept"
        one.add_argument("--page", nargs="?", const="", metavar="SITE", help=page)
        store = "your own store's wss:// address, or `managed` for a machine in the project, which is the"
        store += " default unless SURREALDB_URL is set; kept"
        one.add_argument("--store", metavar="URL|managed", help=store)
        elsewhere = "this machine cannot reach the store: neither probe nor migrate it"
        one.add_argument("--store-elsewhere", action="store_true", help=elsewhere)
        move = "deploy even if the region, a site or the store differs from the stack's"
        one.add_argument("--move", action="store_true", help=move)
        if name != "check":
            dry_run = "print the whole plan and do nothing; needs no account and no tool"
            one.add_argument("--dry-run", action="store_true", help=dry_run)
            one.add_argument("--yes", action="store_true", help="do not ask")
    subparsers.choices["prove"].set_defaults(page="", store=MANAGED)
    return parser


def _origin(text: str) -> str:
    return text.rstrip("/")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
