"""The cost model's constants are what the Pulumi program deploys."""

import pytest

from confab.http.routes import ROUTES, functions
from infra.cost import abuse, bill
from infra.cost.bill import usage_of
from infra.cost.fleet import fleet_of
from infra.cost.inputs import measured
from infra.cost.scenario import CELL, HOURS, MAX_SOCKETS, Scenario
from infra.gcp import project
from infra.gcp.realtime import LONGEST_SOCKET_S
from infra.gcp.settings import Cell, FunctionScale
from tests.infra.deployment import BASE, deployed


def test_instances_have_the_sizes_of_the_settings():
    cell, function = Cell(name="main"), FunctionScale()
    assert (int(cell.cpu), cell.memory) == (bill.INSTANCE_VCPU, f"{Scenario().instance_gib:g}Gi")
    assert (int(function.cpu), function.memory) == (bill.FUNCTION_VCPU, f"{1024 * bill.FUNCTION_GIB:g}Mi")
    assert (cell.concurrency, cell.max_instances) == (MAX_SOCKETS, CELL)
    assert function.max_instances == abuse.FUNCTION_INSTANCES


def test_no_socket_outlives_cloud_runs_timeout():
    bounds = Scenario.model_fields["session_minutes"].metadata
    assert [bound.le for bound in bounds if hasattr(bound, "le")] == [LONGEST_SOCKET_S / 60]


@pytest.mark.parametrize(
    "store", [{}, {"confab:storeUrl": "wss://store.example"}], ids=["machine", "elsewhere"]
)
def test_the_bill_counts_every_resource(store):
    stack, extra = deployed(BASE | store), 0 if store else bill.STORE_EXTRA
    assert len(stack.all("Function")) == len(functions()) == bill.FUNCTIONS
    open_to_all = [each for each in stack.all("ServiceIamMember") if each.inputs["member"] == "allUsers"]
    assert len(open_to_all) == abuse.PUBLIC + 1  # the cell's
    assert len(stack.all("SecretVersion")) == bill.SECRETS + extra
    assert bill.RELEASES + 2 * bill.FUNCTIONS * project.KEPT_IMAGES == bill.IMAGES
    assert len([each for each in stack.all("Repository") if each.inputs.get("mode")]) == extra
    conditions = [one for alert in stack.all("AlertPolicy") for one in alert.inputs["conditions"]]
    assert len(conditions) == bill.ALERT_CONDITIONS
    queries = [each["conditionPrometheusQueryLanguage"] for each in conditions]
    assert sum(each["query"].count(" > ") for each in queries) == bill.ALERT_SERIES + extra
    assert {each["evaluationInterval"] for each in queries} == {f"{bill.ALERT_EVERY_S}s"}


def test_the_bill_has_the_machine_that_the_program_makes():
    stack, idle = deployed(BASE), usage_of(Scenario(hours=0), fleet_of(Scenario(), measured()), measured())
    machine, disk = stack.one("Instance/confab-store").inputs, stack.one("Disk/confab-store").inputs
    sustained = {"e2-small": 0.5, "e2-medium": 1.0}
    assert idle["store_cpu"] == sustained[machine["machineType"]] * HOURS
    boot = machine["bootDisk"]["initializeParams"]
    assert idle["store_disk"] == disk["size"] + boot["size"]
    assert idle["store_snapshots"] == disk["size"]
    assert {disk["type"], boot["type"]} == {"pd-balanced"}
    assert not any("accessConfigs" in each for each in machine["networkInterfaces"])  # costs, and is public
    assert not [each for each in stack.resources if each.type.startswith(("Router", "Address", "Connector"))]


def test_an_idle_month_costs_at_most_30_dollars():
    own, elsewhere = bill.idle_month(), bill.idle_month(store_usd=0)
    assert sum(own.values()) <= 30
    assert own["store"] > 0
    assert "store" not in elsewhere
    assert own.keys() == elsewhere.keys() | {"store"}


def test_the_requests_are_operations():
    assert bill.requests_per_second(Scenario()).keys() <= {route.operation for route in ROUTES}
