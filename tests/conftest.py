"""How the suite is spread over workers, and how many examples its property tests try.

`make test` gives each worker whole files, the longest first; what shares a stack or a server is one
unit, though it is several files. `--hypothesis-profile=thorough` tries twenty times as many examples.
"""

from fnmatch import fnmatch

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

settings.register_profile("suite", max_examples=100, deadline=None)
settings.register_profile("thorough", max_examples=2_000, deadline=None)
settings.load_profile("suite")

SHARED = {
    "e2e/*": "stack",
    "contract/test_store*": "stores",
    "infra/*": "deployment",
    "deploy/test_agreement.py": "deployment",
}
"""Files that share the fixtures of a session, or what the Pulumi program made."""
LONGEST_FIRST = (
    "contract/test_bus.py",
    "hostile/test_hostile.py",
    "faults/test_storm.py",
    "contract/test_bus_pubsub.py",
    "integration/test_dependencies.py",
    "integration/test_realtime_edges.py",
    "faults/test_going_away.py",
    "faults/test_crash_points.py",
    "stack",
    "integration/test_local_stack.py",
    "integration/test_probes.py",
    "faults/test_sabotage.py",
    "deploy/test_image.py",
    "deployment",
)
"""Units that would leave one worker alone if they came last. The first one mostly waits, and so leaves the
machine to the attacks and the storm, which hold others to a time."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest units first."""
    rank = {unit: number for number, unit in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: rank.get(_unit(item.nodeid), len(rank)))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Give each worker one unit after the other."""
    return _ByUnit(config, log)


class _ByUnit(LoadScopeScheduling):
    def _split_scope(self, nodeid: str) -> str:
        return _unit(nodeid)


def _unit(nodeid: str) -> str:
    file = nodeid.partition("::")[0].removeprefix("tests/")
    return next((unit for pattern, unit in SHARED.items() if fnmatch(file, pattern)), file)
