"""The one set of probes, by the parts of a system."""

from collections.abc import Collection
from functools import partial

from infra.probes.bus import bus
from infra.probes.conversation import conversation
from infra.probes.probe import Group
from infra.probes.realtime import realtime
from infra.probes.sign_in import sign_in
from infra.probes.store import store
from infra.probes.system import NEEDED, System
from infra.probes.web import web

PARTS = tuple(NEEDED)
WITH_CREDENTIALS = frozenset({"store", "bus", "conversation"})
"""The parts that only somebody who may use them can probe."""


def probes(system: System, skipped: Collection[str] = ()) -> list[Group]:
    """The probes of a system, but for the parts to skip."""
    groups: dict[str, list[Group]] = {
        "web": [partial(web, system)],
        "sign-in": [partial(sign_in, system)],
        "realtime": [partial(realtime, system, url) for url in system.realtime],
        "store": [partial(store, system)],
        "bus": [partial(bus, system, cell) for cell in system.config.addresses],
        "conversation": [partial(conversation, system)],
    }
    return [group for part in PARTS if part not in skipped for group in groups[part]]
