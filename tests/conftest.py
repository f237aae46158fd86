"""How the suite is spread over workers, and how many examples its property tests try.

`make test` gives each worker whole files, the longest first; what shares a stack or a server is one
unit, though it is several files. `--hypothesis-profile=thorough` tries twenty times as many examples.
"""

from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("suite", max_examples=100, deadline=None)
settings.register_profile("thorough", max_examples=2_000, deadline=None)
settings.load_profile("suite")

TESTS = Path(__file__).parent
SHARED = {"e2e": "stack"}
"""Folders whose files share the fixtures of a session."""
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
    units: dict[pytest.Item, str] = {}
    for item in items:
        file = item.path.relative_to(TESTS)
        units[item] = SHARED.get(file.parts[0], file.as_posix())
        item.add_marker(pytest.mark.xdist_group(units[item]))
    items.sort(key=lambda item: rank.get(units[item], len(rank)))
