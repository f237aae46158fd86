"""What the calculator takes for granted of a deployment is what the Pulumi program makes."""

import pytest

from confab.http.routes import ROUTES, functions
from infra.cost import bill
from infra.cost.scenario import CELL, MAX_SOCKETS, Scenario
from infra.gcp import project
from infra.gcp.realtime import LONGEST_SOCKET_S
from infra.gcp.settings import Cell, FunctionScale
from tests.infra.deployment import BASE, deployed


@pytest.fixture(scope="module")
def made():
    return deployed(BASE)


def gib(memory: str) -> float:
    """A size as Google writes it."""
    return float(memory[:-2]) / {"Gi": 1, "Mi": 1024}[memory[-2:]]


def test_instances_are_as_large_as_they_are_made():
    cell, function = Cell(name="main"), FunctionScale()
    assert int(cell.cpu) == bill.INSTANCE_VCPU
    assert gib(cell.memory) == Scenario().instance_gib
    assert (int(function.cpu), gib(function.memory)) == (bill.FUNCTION_VCPU, bill.FUNCTION_GIB)


def test_a_cell_has_as_many_sockets_and_instances_as_it_is_made_for():
    cell = Cell(name="main")
    assert (cell.concurrency, cell.max_instances) == (MAX_SOCKETS, CELL)


def test_no_socket_outlives_what_cloud_run_lets_one_last():
    (longest,) = (
        bound.le for bound in Scenario.model_fields["session_minutes"].metadata if hasattr(bound, "le")
    )
    assert longest == LONGEST_SOCKET_S / 60


def test_everything_that_is_kept_is_counted(made):
    assert len(made.all("Function")) == len(functions()) == bill.FUNCTIONS
    assert len(made.all("SecretVersion")) == bill.SECRETS
    kept = project.KEPT_IMAGES + 2 * bill.FUNCTIONS * project.KEPT_OF_THE_REST
    assert kept == bill.IMAGES


def test_every_condition_of_an_alert_is_counted(made):
    conditions = [one for alert in made.all("AlertPolicy") for one in alert.inputs["conditions"]]
    assert len(conditions) == bill.ALERT_CONDITIONS


def test_the_requests_are_operations():
    assert bill.requests_per_second(Scenario()).keys() <= {route.operation for route in ROUTES}
