"""What one message sets in motion: how many instances it reaches, and what it costs them."""

from dataclasses import dataclass
from functools import lru_cache

from infra.cost.measured import Measured
from infra.cost.scenario import Scenario
from infra.cost.sizes import billed_bus_bytes


@dataclass(frozen=True, slots=True)
class FanOut:
    """The average of one message, over all instances together."""

    reached: float
    """Instances that get its event from the bus: all of its cell."""
    served: float
    """Instances of these with a socket in its room."""
    send_us: float
    """CPU microseconds of the instance that takes the message, if it comes over a socket."""
    bus_us: float
    """CPU microseconds for taking the event from the bus, everywhere."""
    serving_us: float
    """CPU microseconds for giving it to the sockets of the room."""
    bus_bytes: float
    """Bytes that Pub/Sub bills: published once, delivered to each instance."""

    @property
    def cpu_us(self) -> float:
        """All of it."""
        return self.send_us + self.bus_us + self.serving_us

    @property
    def needless_us(self) -> float:
        """CPU microseconds of instances that have no use for the event."""
        return self.bus_us * (1 - self.served / self.reached)


def expected(scenario: Scenario, figures: Measured, cell: int) -> FanOut:
    """The fan-out in a cell of `cell` instances, by formula.

    The balancer puts each socket on any instance, so of a room of n sockets an instance has as
    many as n throws with probability 1/cell score, and c·(1 - (1 - 1/c)ⁿ) instances have any.
    """
    factor = scenario.cpu_factor
    return FanOut(
        reached=cell,
        served=cell * (1 - (1 - 1 / cell) ** scenario.room_size),
        send_us=factor * (1 - scenario.rest_share) * figures.send_cpu_us.container,
        bus_us=factor * cell * figures.bus_event_cpu_us,
        serving_us=factor * cell * _mean_serving_us(figures, scenario.room_size, cell),
        bus_bytes=billed_bus_bytes(scenario.message_bytes) * (1 + cell),
    )


def _mean_serving_us(figures: Measured, room: int, cell: int) -> float:
    """What serving costs one instance on average."""
    return _mean(tuple(figures.serving_us(sockets) for sockets in range(room + 1)), cell)


@lru_cache(maxsize=4096)
def _mean(costs: tuple[float, ...], cell: int) -> float:
    """The mean of `costs[hits]` over the binomial distribution of len(costs) - 1 throws at 1/cell."""
    throws = len(costs) - 1
    if cell == 1:
        return costs[throws]
    odds = 1 / (cell - 1)
    probability = (1 - 1 / cell) ** throws
    mean = 0.0
    for hits, cost in enumerate(costs):
        mean += probability * cost
        probability *= odds * (throws - hits) / (hits + 1)
    return mean
