"""The cost model's constants are what the Pulumi program deploys."""

from confab.http.routes import ROUTES, functions
from infra.cost import bill
from infra.cost.scenario import CELL, MAX_SOCKETS, Scenario
from infra.gcp import project
from infra.gcp.realtime import LONGEST_SOCKET_S
from infra.gcp.settings import Cell, FunctionScale
from tests.infra.deployment import BASE, deployed


def test_instances_have_the_sizes_of_the_settings():
    cell, function = Cell(name="main"), FunctionScale()
    assert (int(cell.cpu), cell.memory) == (bill.INSTANCE_VCPU, f"{Scenario().instance_gib:g}Gi")
    assert (int(function.cpu), function.memory) == (bill.FUNCTION_VCPU, f"{1024 * bill.FUNCTION_GIB:g}Mi")
    assert (cell.concurrency, cell.max_instances) == (MAX_SOCKETS, CELL)


def test_no_socket_outlives_cloud_runs_timeout():
    bounds = Scenario.model_fields["session_minutes"].metadata
    assert [bound.le for bound in bounds if hasattr(bound, "le")] == [LONGEST_SOCKET_S / 60]


def test_the_bill_counts_every_resource():
    stack = deployed(BASE)
    assert len(stack.all("Function")) == len(functions()) == bill.FUNCTIONS
    assert len(stack.all("SecretVersion")) == bill.SECRETS
    assert project.KEPT_IMAGES + 2 * bill.FUNCTIONS * project.KEPT_OF_THE_REST == bill.IMAGES
    conditions = [one for alert in stack.all("AlertPolicy") for one in alert.inputs["conditions"]]
    assert len(conditions) == bill.ALERT_CONDITIONS


def test_the_requests_are_operations():
    assert bill.requests_per_second(Scenario()).keys() <= {route.operation for route in ROUTES}
