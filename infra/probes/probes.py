"""The probes of the doctor and of a deployment, by the parts of a system."""

from collections.abc import Callable, Collection, Mapping
from functools import partial

from infra.probes.bus import bus
from infra.probes.conversation import conversation
from infra.probes.probe import Group
from infra.probes.realtime import realtime
from infra.probes.sign_in import sign_in
from infra.probes.store import store
from infra.probes.system import System
from infra.probes.web import web

PARTS: Mapping[str, Callable[[System], list[Group]]] = {
    "web": lambda system: [partial(web, system)],
    "sign-in": lambda system: [partial(sign_in, system)],
    "realtime": lambda system: [partial(realtime, system, url) for url in system.realtime],
    "store": lambda system: [partial(store, system)] if system.store_is_open else [],
    "bus": lambda system: [partial(bus, system, cell) for cell in system.config.addresses],
    "conversation": lambda system: [partial(conversation, system)],
}
WITH_CREDENTIALS = frozenset({"store", "bus", "conversation"})
"""The parts that only an operator with credentials for them can probe."""


def probes(system: System, skipped: Collection[str] = ()) -> list[Group]:
    """The probes of a system, without the skipped parts."""
    return [group for part, groups in PARTS.items() if part not in skipped for group in groups(system)]
