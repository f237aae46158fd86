"""`python -m infra.cost` computes what a load costs; `--write` brings docs/cost.md up to date."""

import argparse
import json
import sys
from collections.abc import Sequence

from pydantic import ValidationError

from infra.cost import report
from infra.cost.bill import Basis
from infra.cost.figures import measured
from infra.cost.model import Wall
from infra.cost.prices import list_prices
from infra.cost.scenario import Scenario
from infra.generated import keep_current


def main(arguments: Sequence[str]) -> int:
    """Compute, write or compare; the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    basis = Basis(list_prices(), measured(), free_tier=options.free_tier)
    if options.write or options.check:
        text = report.page(report.PAGE.read_text("utf-8"), Basis(basis.prices, basis.figures))
        name = report.PAGE.relative_to(root := report.PAGE.parents[1])
        return keep_current(root, {name: text}, check=options.check, remedy="make cost")
    given = {name: value for name, value in vars(options).items() if name in Scenario.model_fields and value}
    try:
        scenario = Scenario.model_validate(given)
        if options.json:
            print(json.dumps(report.as_json(scenario, basis), indent=2))
        else:
            print(report.as_text(scenario, basis))
    except ValidationError as error:
        parser.error("; ".join(f"{_option(str(e['loc'][0]))}: {e['msg']}" for e in error.errors()))
    except Wall as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.cost", description="What a load costs.")
    for name, field in Scenario.model_fields.items():
        default = "" if field.default is None else f" [{field.default:g}]"
        parser.add_argument(_option(name), metavar="N", help=f"{field.description}{default}")
    parser.add_argument("--free-tier", action="store_true", help="subtract what the free tier gives")
    parser.add_argument("--json", action="store_true", help="print a JSON object")
    documents = parser.add_mutually_exclusive_group()
    documents.add_argument("--write", action="store_true", help="bring the tables of docs/cost.md up to date")
    documents.add_argument("--check", action="store_true", help="write nothing; fail if one is out of date")
    return parser


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
