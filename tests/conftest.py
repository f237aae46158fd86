"""How the suite is spread over workers, and how many examples its property tests try.

`make test` gives each worker whole files, the longest first; what shares a stack or a server is one
unit, though it is several files. `--hypothesis-profile=thorough` tries twenty times as many examples.
"""

from fnmatch import fnmatch
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("suite", max_examples=100, deadline=None)
settings.register_profile("thorough", max_examples=2_000, deadline=None)
settings.load_profile("suite")

TESTS = Path(__file__).parent
SHARED = {"e2e/*": "stack", "contract/test_store*": "stores"}
"""Files that share the fixtures of a session."""
LONGEST_FIRST = (
    "stack",
    "hostile/test_hostile.py",
    "faults/test_storm.py",
    "integration/test_local_stack.py",
    "integration/test_doctor.py",
    "contract/test_bus.py",
    "faults/test_crash_points.py",
    "faults/test_going_away.py",
    "faults/test_sabotage.py",
    "deploy/test_image.py",
    "integration/test_dependencies.py",
    "integration/test_bus_pubsub.py",
    "integration/test_realtime_edges.py",
    "infra/test_spoilers.py",
)
"""Units that would leave one worker alone if they came last."""


@pytest.hookimpl(tryfirst=True)  # pytest-xdist reads the groups in its own hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Name each test's unit, and put the longest units first."""
    rank = {unit: number for number, unit in enumerate(LONGEST_FIRST)}
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_unit(item)))
    items.sort(key=lambda item: rank.get(_unit(item), len(rank)))


def _unit(item: pytest.Item) -> str:
    file = item.path.relative_to(TESTS).as_posix()
    return next((unit for pattern, unit in SHARED.items() if fnmatch(file, pattern)), file)
