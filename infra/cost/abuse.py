"""What an attacker costs in an hour at the default limits: `docs/security.md`.

Each does nothing else for the whole hour and is refused nothing else, on one instance or on all that the
default settings allow. Nobody waits for a network or for the store, so no real attack costs as much.
"""

from collections.abc import Mapping

from confab.domain.limits import Limits
from confab.http.routes import rewrites
from infra.cost.bill import FUNCTION_GIB, FUNCTION_VCPU, GIB, INSTANCE_VCPU, LOG_BYTES, REST_BYTES, TIB, Basis
from infra.cost.fleet import FRAME_BYTES, billed_bus_bytes, entry_bytes
from infra.cost.scenario import CELL, Scenario

FUNCTION_INSTANCES = 20
"""The most of each function, as the settings have it by default."""
PUBLIC = len({function for _, function in rewrites()})
HOUR_S = 3600
Usage = Mapping[str, float]


def of_functions(instances: int, requests: float, response_bytes: float) -> Usage:
    """The hour of busy instances of functions that answer so many requests a second together."""
    seconds, answered = HOUR_S * instances, HOUR_S * requests
    return {
        "functions_cpu": seconds * FUNCTION_VCPU,
        "functions_memory": seconds * FUNCTION_GIB,
        "functions_requests": answered,
        "hosting": answered * (response_bytes + REST_BYTES) / 1e9,
        "logs": answered * LOG_BYTES / GIB,
    }


def of_realtime(instances: int, sent_bytes: float = 0.0, connections: float = 0.0, bus: float = 0.0) -> Usage:
    """The hour of a cell with so many instances; the rates are of a second, of all together."""
    seconds = HOUR_S * instances
    return {
        "realtime_cpu": seconds * INSTANCE_VCPU,
        "realtime_memory": seconds * Scenario().instance_gib,
        "egress": HOUR_S * sent_bytes / GIB,
        "logs": HOUR_S * connections * LOG_BYTES / GIB,
        "bus": HOUR_S * bus / TIB,
    }


def refused_requests(basis: Basis, instances: int) -> Usage:
    """Requests without a token, as many as the processors can refuse at the price of the cheapest request."""
    return of_functions(instances, instances * 1000 / min(basis.figures.request_cpu_ms.values()), 0)


def refused_sockets(basis: Basis, instances: int) -> Usage:
    """Handshakes that are refused, as many as the processors can answer at the price of an admitted one."""
    return of_realtime(instances, connections=instances * 1000 / basis.figures.connect_cpu_ms)


def pages_over_rest(_: Basis, instances: int) -> Usage:
    """The largest page, as often as one user may read on each instance of one function."""
    limits = Limits()
    return of_functions(instances, instances * limits.reads_per_10s / 10, limits.max_page_bytes)


def pages_over_sockets(_: Basis, instances: int) -> Usage:
    """The largest page, as often as one user may join on each instance of a cell."""
    limits = Limits()
    return of_realtime(instances, sent_bytes=instances * limits.reads_per_10s / 10 * limits.max_page_bytes)


def messages_to_oneself(_: Basis, instances: int) -> Usage:
    """The largest message, as often as one user may write, to each socket that the user may hold."""
    limits = Limits()
    rate, readers = instances * limits.messages_per_10s / 10, instances * limits.max_sockets_per_user
    size = limits.max_content_bytes
    return of_realtime(
        instances,
        sent_bytes=rate * readers * (entry_bytes(size) + FRAME_BYTES),
        bus=rate * instances * billed_bus_bytes(size),
    )


ATTACKS = {
    "a stranger: requests without a token": (refused_requests, PUBLIC * FUNCTION_INSTANCES),
    "a stranger: sockets that are refused": (refused_sockets, CELL),
    "a user: the largest page, over REST": (pages_over_rest, FUNCTION_INSTANCES),
    "a user: the largest page, over sockets": (pages_over_sockets, CELL),
    "a user: the largest message, to 20 sockets on each instance": (messages_to_oneself, CELL),
}
"""Each with the most instances that it can reach."""


def dollars(basis: Basis, usage: Usage) -> float:
    """The list price of what an hour uses."""
    return sum(basis.prices[key].of(amount) for key, amount in usage.items())
