"""The measured figures are those of the committed results, whatever these are."""

import copy
import json

import pytest

from infra.cost.benchmarks import (
    DELIVERY,
    FOLDER,
    FUNCTIONS,
    ROOMS,
    NotMeasured,
    figures_of,
    measured,
)

RESULTS = tuple(json.loads((FOLDER / name).read_text("utf-8")) for name in (DELIVERY, FUNCTIONS))


def results():
    """The committed results, to be changed."""
    return copy.deepcopy(RESULTS)


def of_confab(delivery, scenario):
    """The figures of a run."""
    return next(
        run["figures"]
        for run in delivery["runs"]
        if (run["scenario"], run["server"]) == (scenario, "confab") and run["figures"]
    )


def test_a_send_and_its_deliveries_are_together_what_was_measured():
    seen, (delivery, _) = measured(), RESULTS
    for size, scenario in ROOMS.items():
        whole = of_confab(delivery, scenario)["server_cpu_us_per_send"]["median"]
        assert seen.send_cpu_us.container + seen.serving_us(size) == pytest.approx(whole)
    assert seen.delivery_cpu_us.keys() == ROOMS.keys()


def test_where_every_delivery_costs_the_same_the_split_finds_it():
    delivery, functions = results()
    for size, scenario in ROOMS.items():
        of_confab(delivery, scenario)["server_cpu_us_per_send"]["median"] = 300 + 7 * size
    seen = figures_of(delivery, functions)
    assert seen.send_cpu_us.container == pytest.approx(300)
    assert list(seen.delivery_cpu_us.values()) == [pytest.approx(7)] * len(ROOMS)


@pytest.mark.parametrize("scenario", [*ROOMS.values(), "idle", "bystander"])
def test_other_results_make_other_figures(scenario):
    delivery, functions = results()
    for figure in of_confab(delivery, scenario).values():
        figure["median"] *= 1.01
    assert figures_of(delivery, functions) != measured()


def test_every_operation_has_its_own_figure():
    _, functions = results()
    operations = {name: part for name, part in functions["functions"].items() if name != "bare"}
    assert measured().warm_request_cpu_ms == {
        name: part["requestCpuMs"]["median"] for name, part in operations.items()
    }
    slowest = max(part["firstAnswerMs"]["median"] for part in operations.values())
    assert measured().cold_start_s == pytest.approx(slowest / 1000)


def test_a_result_that_lacks_something_is_named():
    delivery, functions = results()
    of_confab(delivery, "idle").pop("connect_cpu_ms")
    with pytest.raises(NotMeasured, match=r"delivery.json has no connect_cpu_ms of confab in 'idle'"):
        figures_of(delivery, functions)
