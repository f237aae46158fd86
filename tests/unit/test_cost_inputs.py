"""Prices add up tier by tier, and figures are those of the committed benchmarks."""

import copy
import json
from datetime import date

import pytest
from pydantic import ValidationError

from infra.cost import inputs
from infra.cost.bill import Basis, usage_of
from infra.cost.fleet import fleet_of
from infra.cost.inputs import DELIVERY, FUNCTIONS, NotMeasured, Price, figures_of, list_prices, measured
from infra.cost.scenario import Scenario

TIERS = ((0, 0.12), (1_000, 0.10), (5_000, 0.08))
PRICE = Price(item="network", what="bytes", unit="GiB", tiers=TIERS, free=100, source="a test")


@pytest.mark.parametrize(
    ("amount", "full", "with_free_tier"),
    [(0, 0, 0), (100, 12, 0), (1_000, 120, 108), (1_001, 120.1, 108.1), (5_000, 520, 508), (6_000, 600, 588)],
)
def test_each_tier_has_its_price_and_the_first_units_are_free(amount, full, with_free_tier):
    assert PRICE.of(amount) == pytest.approx(full)
    assert PRICE.of(amount, free_tier=True) == pytest.approx(with_free_tier)
    assert PRICE.model_copy(update={"per": 1_000}).of(amount) == pytest.approx(full / 1_000)


@pytest.mark.parametrize("tiers", [[], [(1, 0.1)], [(0, 0.1), (9, 0.2), (5, 0.3)]], ids=str)
def test_tiers_out_of_order_are_refused(tiers):
    with pytest.raises(ValidationError):
        Price.model_validate(PRICE.model_dump() | {"tiers": tiers})


def test_every_unit_used_has_a_dated_price_and_every_price_is_used():
    prices = list_prices()
    used = usage_of(Scenario(), fleet_of(Scenario(), measured()), measured())
    assert used.keys() == {key for key, price in prices.items() if price.item != inputs.ALTERNATIVE}
    assert inputs.STORE in Basis(prices, measured()).bill(Scenario())
    today = date.today()  # noqa: DTZ011 - a price is of a day, anywhere
    assert all(price.read is None or date(2026, 1, 1) <= price.read <= today for price in prices.values())


@pytest.fixture
def results():
    """The committed results, for a test to change."""
    return [json.loads((inputs.BENCHMARKS / name).read_text("utf-8")) for name in (DELIVERY, FUNCTIONS)]


def figures_in(delivery, scenario):
    (run,) = (run for run in delivery["runs"] if (run["scenario"], run["server"]) == (scenario, "confab"))
    return run["figures"]


@pytest.mark.parametrize(("in_rooms_of_10", "delivery"), [(300 + 7 * 10, 7), (300 + 20 * 10, 20)])
def test_a_send_is_separated_from_its_deliveries_in_the_most_expensive_room(
    results, in_rooms_of_10, delivery
):
    cpu = {size: 300 + 7 * size for size in inputs.ROOMS} | {10: in_rooms_of_10}
    for size, scenario in inputs.ROOMS.items():
        figures_in(results[0], scenario)["server_cpu_us_per_send"]["median"] = cpu[size]
    figures = figures_of(*results)
    assert [figures.send_cpu_us, figures.delivery_cpu_us] == pytest.approx([300, delivery])


@pytest.mark.parametrize("scenario", [*inputs.ROOMS.values(), "idle", "bystander"])
def test_other_results_give_other_figures(scenario, results):
    before = copy.deepcopy(results)
    for figure in figures_in(results[0], scenario).values():
        figure["median"] *= 1.5
    assert figures_of(*results) != figures_of(*before) == measured()


def test_a_missing_figure_is_named(results):
    figures_in(results[0], "idle").pop("connect_cpu_ms")
    with pytest.raises(NotMeasured, match=r"delivery.json has no connect_cpu_ms of confab in 'idle'"):
        figures_of(*results)
