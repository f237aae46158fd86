"""What a scenario uses in a month, in the units of the price list."""

from collections.abc import Mapping
from math import ceil

from infra.cost import sizes
from infra.cost.fleet import Fleet
from infra.cost.measured import Measured
from infra.cost.scenario import HOURS, Scenario

GIB = 2**30
TIB = 2**40

INSTANCE_VCPU = 1
"""One process serves an instance's sockets on one event loop."""
FUNCTION_VCPU = 1
FUNCTION_GIB = 0.5
"""What `infra/gcp` gives a function."""
BILLED_S = 0.1
"""Cloud Run bills a request's time in steps of 100 ms."""
SECRETS = 2
"""The store's user and its password; a version that a rotation has left behind is one more."""
FUNCTIONS = 6
"""One of each operation, and the dispatcher."""
IMAGES = 10 + FUNCTIONS * 2 * 2
"""What `infra/gcp` keeps: ten of the container, two of each function and two of what its build keeps."""
ALERT_CONDITIONS = 7
ALERT_EVERY_S = 30
"""Seconds between two looks at a condition; one series of values is looked at each time."""
STORE_VCPUS = (2, 4, 8, 16, 32)
"""Machines of the e2-standard series; beyond the largest one the store is no single node."""


def usage_of(scenario: Scenario, fleet: Fleet, figures: Measured) -> Mapping[str, float]:
    """Units a month by the keys of the price list."""
    seconds = 3600 * scenario.hours
    logged = _requests_per_second(scenario) + scenario.sessions_per_second
    return {
        **_instances(scenario, fleet),
        **_functions(scenario, figures, seconds),
        **_bus(scenario, fleet, seconds),
        **_network(scenario, seconds),
        "store_cpu": HOURS * store_vcpus(scenario, figures),
        "store_disk": scenario.disk_gib,
        "secrets": SECRETS,
        "images": IMAGES * scenario.image_gb,
        "alert_conditions": ALERT_CONDITIONS,
        "alert_series": ALERT_CONDITIONS * HOURS * 3600 / ALERT_EVERY_S,
        "logs": seconds * logged * sizes.LOG_BYTES / GIB,
        "identity": scenario.users,
    }


def store_vcpus(scenario: Scenario, figures: Measured) -> int:
    """Processors of the machine that stores the messages: the smallest that has room for them."""
    needed = scenario.messages_per_second * figures.send_cpu_us.store * scenario.cpu_factor / 1e6
    needed /= scenario.utilisation
    largest = STORE_VCPUS[-1]
    return next((vcpus for vcpus in STORE_VCPUS if vcpus >= needed), largest * ceil(needed / largest))


def _requests(scenario: Scenario) -> Mapping[str, float]:
    """REST requests a second, by operation."""
    return {
        "add_message": scenario.messages_per_second * scenario.rest_share,
        "list_conversations": scenario.sessions_per_second * scenario.reads_per_session,
    }


def _requests_per_second(scenario: Scenario) -> float:
    return sum(_requests(scenario).values())


def _instances(scenario: Scenario, fleet: Fleet) -> dict[str, float]:
    loaded = max(fleet.instances, scenario.min_instances)
    seconds = 3600 * (loaded * scenario.hours + scenario.min_instances * (HOURS - scenario.hours))
    return {"realtime_cpu": seconds * INSTANCE_VCPU, "realtime_memory": seconds * scenario.instance_gib}


def _functions(scenario: Scenario, figures: Measured, seconds: float) -> dict[str, float]:
    """Requests, and the time that is billed for them: at least the CPU time that they need."""
    requests = {operation: seconds * rate for operation, rate in _requests(scenario).items()}
    least_s = BILLED_S / scenario.rest_overlap
    billed = scenario.cold_starts_per_hour * scenario.hours * figures.cold_start_s + sum(
        count * max(scenario.cpu_factor * figures.warm_request_cpu_ms[operation] / 1000, least_s)
        for operation, count in requests.items()
    )
    return {
        "functions_requests": sum(requests.values()),
        "gateway": sum(requests.values()) * scenario.gateway_share,
        "functions_cpu": billed * FUNCTION_VCPU,
        "functions_memory": billed * FUNCTION_GIB,
    }


def _bus(scenario: Scenario, fleet: Fleet, seconds: float) -> dict[str, float]:
    """Bytes published and delivered: the messages' events and the instances' probes."""
    probe_bytes = sizes.MIN_BILLED_BYTES * (1 + fleet.cell)
    per_second = scenario.messages_per_second * fleet.fanout.bus_bytes + fleet.probes_per_second * probe_bytes
    return {"bus": seconds * per_second / TIB}


def _network(scenario: Scenario, seconds: float) -> dict[str, float]:
    """Bytes that leave the cloud: frames and the answers to joins, and what REST answers."""
    frame = sizes.frame_bytes(scenario.message_bytes)
    page = scenario.entries_per_read * sizes.entry_bytes(scenario.message_bytes)
    written_over_rest = scenario.messages_per_second * scenario.rest_share
    acknowledged = scenario.messages_per_second - written_over_rest
    sockets = (
        scenario.messages_per_second * scenario.room_size + acknowledged
    ) * frame + scenario.sessions_per_second * page
    rest = (
        written_over_rest * sizes.entry_bytes(scenario.message_bytes)
        + scenario.sessions_per_second * scenario.reads_per_session * page
        + _requests_per_second(scenario) * sizes.REST_BYTES
    )
    return {"egress": seconds * sockets / GIB, "hosting": seconds * rest / 1e9}
