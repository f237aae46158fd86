"""Prices add up tier by tier and name their sources, and figures are those of the committed benchmarks."""

import copy
import json
from datetime import date

import pytest
from pydantic import ValidationError

from infra.cost.bill import Basis, usage_of
from infra.cost.figures import DELIVERY, FOLDER, FUNCTIONS, ROOMS, NotMeasured, figures_of, measured
from infra.cost.model import fleet_of
from infra.cost.prices import ALTERNATIVE, STORE, Price, list_prices
from infra.cost.scenario import Scenario

PRICE = Price(
    key="tiered",
    part="network",
    what="bytes",
    unit="GiB",
    tiers=((0, 0.12), (1_000, 0.10), (5_000, 0.08)),
    free=100,
    source="a test",
    certainty="check",
    read="2026-01-01",
)


@pytest.mark.parametrize(
    ("amount", "paid", "after_the_free_tier"),
    [
        (0, 0, 0),
        (100, 12, 0),
        (1_000, 120, 108),
        (1_001, 120.1, 108.1),
        (5_000, 520, 508),
        (6_000, 600, 588),
    ],
)
def test_each_tier_has_its_price_and_the_first_units_are_free(amount, paid, after_the_free_tier):
    assert PRICE.of(amount) == pytest.approx(paid)
    assert PRICE.of(amount, free_tier=True) == pytest.approx(after_the_free_tier)
    assert PRICE.model_copy(update={"per": 1_000}).of(amount) == pytest.approx(paid / 1_000)


@pytest.mark.parametrize(
    "change",
    [
        {"tiers": []},
        {"tiers": [(1, 0.1)]},
        {"tiers": [(0, 0.1), (9, 0.2), (5, 0.3)]},
        {"certainty": "quoted"},
        {"quoted_in": "a blog"},
        {"read": None},
    ],
    ids=str,
)
def test_a_price_that_is_inconsistent_is_refused(change):
    with pytest.raises(ValidationError):
        Price.model_validate(PRICE.model_dump() | change)


def test_every_price_has_its_name_its_source_and_its_date():
    prices = list_prices().price
    assert len(list_prices().by_key) == len(prices)
    assert all("." in price.source for price in prices)
    assert all(date(2026, 1, 1) <= price.read <= date.today() for price in prices)  # noqa: DTZ011


def test_everything_that_is_used_has_a_price_and_every_price_is_used():
    used = usage_of(Scenario(), fleet_of(Scenario(), measured()), measured())
    assert used.keys() == {price.key for price in list_prices().price if price.part != ALTERNATIVE}
    assert STORE in Basis(list_prices(), measured()).bill(Scenario()).parts


@pytest.fixture
def results():
    """The committed results, to be changed."""
    return [json.loads((FOLDER / name).read_text("utf-8")) for name in (DELIVERY, FUNCTIONS)]


def figures_in(delivery, scenario):
    (run,) = (run for run in delivery["runs"] if (run["scenario"], run["server"]) == (scenario, "confab"))
    return run["figures"]


def test_a_send_and_its_deliveries_are_separated_where_each_delivery_costs_the_same(results):
    for size, scenario in ROOMS.items():
        figures_in(results[0], scenario)["server_cpu_us_per_send"]["median"] = 300 + 7 * size
    seen = figures_of(*results)
    assert [seen.send_cpu_us, seen.delivery_cpu_us] == pytest.approx([300, 7])


def test_a_delivery_costs_what_it_costs_in_the_dearest_room(results):
    for size, scenario in ROOMS.items():
        figures_in(results[0], scenario)["server_cpu_us_per_send"]["median"] = 300 + 7 * size
    figures_in(results[0], ROOMS[10])["server_cpu_us_per_send"]["median"] = 300 + 20 * 10
    assert figures_of(*results).delivery_cpu_us == pytest.approx(20)


@pytest.mark.parametrize("scenario", [*ROOMS.values(), "idle", "bystander"])
def test_other_results_make_other_figures(scenario, results):
    before = copy.deepcopy(results)
    for figure in figures_in(results[0], scenario).values():
        figure["median"] *= 1.5
    assert figures_of(*results) != figures_of(*before) == measured()


def test_a_result_that_lacks_a_figure_is_named(results):
    figures_in(results[0], "idle").pop("connect_cpu_ms")
    with pytest.raises(NotMeasured, match=r"delivery.json has no connect_cpu_ms of confab in 'idle'"):
        figures_of(*results)
