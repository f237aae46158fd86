"""`python -m infra.specifications` writes the documents; with `--check` it only compares them."""

import argparse
import sys
from collections.abc import Sequence

from infra.generated import keep_current
from infra.specifications.asyncapi import asyncapi
from infra.specifications.document import FOLDER, ROOT, text_of
from infra.specifications.openapi import openapi


def documents() -> dict[str, str]:
    """The text of each document by its file's name."""
    return {"openapi.json": text_of(openapi()), "asyncapi.json": text_of(asyncapi())}


def main(arguments: Sequence[str]) -> int:
    """Write, or compare, both documents; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.specifications", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if one is not current")
    options = parser.parse_args(arguments)
    files = {FOLDER.relative_to(ROOT) / name: text for name, text in documents().items()}
    only = [(FOLDER.relative_to(ROOT) / "*.json").as_posix()]
    return keep_current(ROOT, files, check=options.check, remedy="make specifications", only=only)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
