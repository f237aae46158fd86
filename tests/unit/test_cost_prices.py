"""Prices add up tier by tier, and both input files hold together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from infra.cost.benchmarks import measured
from infra.cost.bill import Basis
from infra.cost.fleet import fleet_of
from infra.cost.measured import Measured
from infra.cost.prices import ALTERNATIVE, STORE, Price, list_prices
from infra.cost.scenario import Scenario
from infra.cost.usage import usage_of

AMOUNTS = st.floats(min_value=0, max_value=1e9)
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
    ("amount", "dollars"),
    [(0, 0), (1, 0.12), (1_000, 120), (1_001, 120.1), (5_000, 520), (6_000, 600)],
)
def test_each_tier_has_its_price(amount, dollars):
    assert PRICE.of(amount) == pytest.approx(dollars)


def test_the_free_tier_is_the_first_units():
    assert PRICE.of(100, free_tier=True) == 0
    assert PRICE.of(1_001, free_tier=True) == pytest.approx(120.1 - 12)


@given(AMOUNTS, AMOUNTS)
def test_more_never_costs_less_and_free_never_costs_more(one, other):
    low, high = sorted((one, other))
    assert PRICE.of(low) <= PRICE.of(high)
    assert 0 <= PRICE.of(low, free_tier=True) <= PRICE.of(low)


def test_a_price_can_be_for_many_units():
    assert PRICE.model_copy(update={"per": 1_000}).of(1_000) == pytest.approx(0.12)


@pytest.mark.parametrize("tiers", [[], [(1, 0.1)], [(0, 0.1), (0, 0.2)], [(0, 0.1), (9, 0.2), (5, 0.3)]])
def test_tiers_that_do_not_rise_from_nothing_are_refused(tiers):
    with pytest.raises(ValidationError):
        Price.model_validate(PRICE.model_dump() | {"tiers": tiers})


@pytest.mark.parametrize("change", [{"certainty": "quoted"}, {"quoted_in": "a blog"}])
def test_what_is_quoted_and_nothing_else_says_where(change):
    with pytest.raises(ValidationError):
        Price.model_validate(PRICE.model_dump() | change)


def test_every_price_has_its_name_and_its_source():
    prices = list_prices().price
    assert len(list_prices().by_key) == len(prices)
    assert all("." in price.source for price in prices)


def test_everything_that_is_used_has_a_price_and_every_price_is_used():
    scenario = Scenario()
    used = usage_of(scenario, fleet_of(scenario, measured()), measured())
    billed = {price.key for price in list_prices().price if price.part != ALTERNATIVE}
    assert used.keys() == billed
    assert STORE in Basis(list_prices(), measured()).bill(scenario).parts


@pytest.mark.parametrize(("reads", "slower"), [(0.0, False), (1.0, True)])
def test_each_rest_request_is_billed_by_its_own_operations_time(reads, slower):
    scenario = Scenario(reads_per_session=reads)
    billed = [
        usage_of(scenario, fleet_of(scenario, seen), seen)["functions_cpu"]
        for seen in (
            figures(warm_request_cpu_ms={"add_message": 1, "list_conversations": listing})
            for listing in (1, 1_000)
        )
    ]
    assert (billed[1] > billed[0]) == slower


def figures(**changes):
    return Measured.model_validate(measured().model_dump() | changes)


def test_serving_an_event_is_exact_where_it_was_measured():
    seen = figures(delivery_cpu_us={2: 60, 10: 12, 100: 6.5})
    assert [seen.serving_us(size) for size in (0, 2, 10, 100)] == [0, 120, 120, 650]


def test_serving_an_event_is_a_straight_line_elsewhere():
    seen = figures(delivery_cpu_us={100: 7, 10: 10})
    assert seen.serving_us(1) == 100
    assert seen.serving_us(55) == pytest.approx(400)
    assert seen.serving_us(200) == pytest.approx(1400)


@given(st.integers(0, 2_000))
def test_more_sockets_are_never_served_faster(sockets):
    seen = figures(delivery_cpu_us={2: 60, 10: 12, 500: 7})
    assert seen.serving_us(sockets) <= seen.serving_us(sockets + 1)


@pytest.mark.parametrize(
    "change",
    [
        {"delivery_cpu_us": {}},
        {"delivery_cpu_us": {0: 1}},
        {"cold_start_s": 0},
        {"connect_cpu_ms": None},
        {"speed": 1},
    ],
)
def test_figures_that_do_not_hold_together_are_refused(change):
    with pytest.raises(ValidationError):
        figures(**change)
