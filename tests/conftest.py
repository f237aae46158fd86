"""How the suite is spread over workers, and how many examples its property tests try.

`make test` gives each worker whole files, the longest first; what shares a stack or a server is one
unit, though it is several files. A third worker on two cores takes the units that mostly wait.
`--hypothesis-profile=thorough` tries twenty times as many examples.
"""

import ssl
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

settings.register_profile("suite", max_examples=100, deadline=None)
settings.register_profile("thorough", max_examples=2_000, deadline=None)
settings.load_profile("suite")

SHARED = {
    "e2e/test_guide.py": "e2e/test_guide.py",
    "e2e/*": "stack",
    "contract/test_store*": "stores",
    "infra/*": "deployment",
    "deploy/test_agreement.py": "deployment",
}
"""Files that share the fixtures of a session, or what the Pulumi program made; the guide has a stack."""
WAITING = (
    "e2e/test_guide.py",
    "integration/test_confab_client.py",
    "integration/test_stock_clients.py",
    "integration/test_engineio.py",
    "contract/test_bus.py",
    "integration/test_probes.py",
    "integration/test_dependencies.py",
    "integration/test_members.py",
    "integration/test_realtime_edges.py",
    "integration/test_realtime_strangers.py",
    "integration/test_cells.py",
    "contract/test_bus_pubsub.py",
    "integration/test_telemetry.py",
    "integration/test_store_connection.py",
)
"""Units that wait for leases, timeouts and processes, and need half a core at most."""
UNMEASURED = (
    "e2e/*",
    "faults/*",
    "fuzz/*",
    "hostile/*",
    "deploy/*",
    "infra/*",
    "integration/test_acceptance.py",
    "integration/test_access_matrix.py",
    "integration/test_bus_emulator.py",
    "integration/test_confab_client.py",
    "integration/test_probes*",
    "integration/test_store_server.py",
    "contract/test_answers.py",
    "contract/test_bad_input.py",
    "unit/test_model.py",
    "unit/test_room.py",
    "unit/test_socketio_core.py",
    "unit/test_pages.py",
    "unit/test_parsers.py",
    "unit/test_spec*",
    "unit/test_cost*",
    "unit/test_local*",
    "unit/test_pubsub_emulator*",
)
"""Files whose tests run without coverage, which doubles what they cost: they work on other processes and
other code, or run over and over what other tests cover too."""
LONGEST_FIRST = (
    "stack",
    "hostile/test_hostile.py",
    "faults/test_crash_points.py",
    "faults/test_storm.py",
    "faults/test_sabotage.py",
    "fuzz/test_fuzz.py",
    "unit/test_socketio_core.py",
    "faults/test_going_away.py",
    "integration/test_removal.py",
    "deploy/test_image.py",
    "deployment",
)
"""Units that would leave one worker alone if they came last."""
WAITER = "gw2"
"""The worker beyond the two cores, which takes nothing but what waits."""


@pytest.fixture(scope="session", autouse=True)
def _certificates_are_read_once() -> Iterator[None]:
    """httpx reads them all for each of hundreds of clients, which takes 40 ms of CPU each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "create_default_context", cache(ssl.create_default_context))
        yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest units first, and measure no coverage where it is dear."""
    for item in items:
        if any(fnmatch(_file(item.nodeid), pattern) for pattern in UNMEASURED):
            item.add_marker("no_cover")
    rank = {unit: number for number, unit in enumerate((*LONGEST_FIRST, *WAITING))}
    items.sort(key=lambda item: rank.get(_unit(item.nodeid), len(rank)))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Give each worker one unit after the other."""
    return _ByUnit(config, log)


class _ByUnit(LoadScopeScheduling):
    def _split_scope(self, nodeid: str) -> str:
        return _unit(nodeid)

    def _assign_work_unit(self, node: WorkerController) -> None:
        waiting = [unit for unit in self.workqueue if unit in WAITING]
        if node.gateway.id == WAITER:
            if not waiting:
                node.shutdown()
                return
            self.workqueue.move_to_end(waiting[0], last=False)
        elif len(waiting) < len(self.workqueue):
            unit = next(unit for unit in self.workqueue if unit not in WAITING)
            self.workqueue.move_to_end(unit, last=False)
        super()._assign_work_unit(node)


def _file(nodeid: str) -> str:
    return nodeid.partition("::")[0].removeprefix("tests/")


def _unit(nodeid: str) -> str:
    file = _file(nodeid)
    return next((unit for pattern, unit in SHARED.items() if fnmatch(file, pattern)), file)
