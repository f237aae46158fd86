"""Runs a function that serves every route: `python -m tests.fuzz.everything MODULE …`, where one is wanted
for each in production.
"""

import runpy
import sys

from confab.http import routes


def main() -> None:
    """Give the function all routes, then become the module."""
    setattr(routes, "functions", lambda: {EVERYTHING: routes.ROUTES})  # noqa: B010 - mypy takes it for constant
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


EVERYTHING = "everything"

if __name__ == "__main__":
    main()
