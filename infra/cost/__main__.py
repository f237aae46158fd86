"""`python -m infra.cost` computes the costs of a load; `--write` updates the tables of the docs."""

import argparse
import sys
from collections.abc import Sequence

from pydantic import ValidationError

from infra.cost import report
from infra.cost.bill import Basis
from infra.cost.fleet import Overloaded
from infra.cost.inputs import list_prices, measured
from infra.cost.scenario import Scenario


def main(arguments: Sequence[str]) -> int:
    """Print the costs, or write the page; return the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    basis = Basis(list_prices(), measured(), free_tier=options.free_tier)
    if options.write:
        for page in report.PAGES:
            text = report.page(page.read_text("utf-8"), Basis(basis.prices, basis.figures))
            page.write_text(text, "utf-8")
        return 0
    given = {name: value for name, value in vars(options).items() if name in Scenario.model_fields and value}
    try:
        scenario = Scenario.model_validate(given)
        print(report.as_text(scenario, basis))
    except ValidationError as error:
        parser.error("; ".join(f"{_option(str(e['loc'][0]))}: {e['msg']}" for e in error.errors()))
    except Overloaded as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.cost", description="Compute the costs of a load.")
    for name, field in Scenario.model_fields.items():
        default = "" if field.default is None else f" [{field.default:g}]"
        parser.add_argument(_option(name), metavar="N", help=f"{field.description}{default}")
    parser.add_argument("--free-tier", action="store_true", help="subtract the free tier")
    parser.add_argument(
        "--write", action="store_true", help="update the tables of docs/cost.md and docs/security.md"
    )
    return parser


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
