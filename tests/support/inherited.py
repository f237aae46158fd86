"""The environment of a process that a test starts: the test's own, but for what the test decides."""

import os

DECIDED = ("SURREALDB_", "CONFAB_", "PUBSUB_", "FIREBASE_", "GOOGLE_", "K_SERVICE")


def inherited(*, measured: bool) -> dict[str, str]:
    """The variables to pass on; without coverage's, unless the process is to be `measured`."""
    decided = DECIDED if measured else (*DECIDED, "COVERAGE_")
    return {name: value for name, value in os.environ.items() if not name.startswith(decided)}
