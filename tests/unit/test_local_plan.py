import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local import stack
from infra.local.addresses import Address, StackError, parse
from infra.local.data import DataFolder
from infra.local.plan import make_plan
from infra.local.ports import demand_free


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("127.0.0.1:9099", Address("127.0.0.1", 9099)),
        ("ws://127.0.0.1:8000/rpc", Address("127.0.0.1", 8000)),
        ("wss://db.example", Address("db.example", 443)),
        ("http://[::1]:81", Address("::1", 81)),
    ],
)
def test_an_address_is_parsed_from_a_url_or_a_host_and_port(value, address):
    assert parse("X", value) == address


@pytest.mark.parametrize("value", ["localhost", "127.0.0.1:port", "127.0.0.1:99999", "ftp://host"])
def test_an_invalid_address_is_refused_with_its_variable(value):
    with pytest.raises(StackError, match=r"^FIREBASE_AUTH_EMULATOR_HOST is "):
        parse("FIREBASE_AUTH_EMULATOR_HOST", value)


def test_a_taken_port_is_reported_with_its_holder(taken):
    with pytest.raises(StackError) as refused:
        demand_free({"hosting": Address("127.0.0.1", taken)})
    start = f"port {taken}, for hosting, is taken by process {os.getpid()}: "
    assert str(refused.value).startswith(start)
    assert Path(sys.orig_argv[0]).name in str(refused.value)


@pytest.fixture
def _no_psutil(monkeypatch, tmp_path):
    """A fresh clone without packages, and a PATH that only the test fills."""
    monkeypatch.setattr("infra.local.ports.find_spec", lambda _: None)
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.mark.usefixtures("_no_psutil")
def test_without_psutil_lsof_names_the_holder_of_a_port_if_it_is_there(taken, tmp_path):
    at = {"hosting": Address("127.0.0.1", taken)}
    with pytest.raises(StackError, match=rf"^port {taken}, for hosting, is taken by another process"):
        demand_free(at)
    lsof = tmp_path / "lsof"
    listed = "p12\\ncnode\\nf20\\np13\\ncpython3\\nf3\\n"
    lsof.write_text(f'#!/bin/sh\n[ "$2" = -iTCP:{taken} ] && printf "{listed}"\n')
    lsof.chmod(0o755)
    with pytest.raises(StackError, match=r" is taken by process 12: node; process 13: python3\n"):
        demand_free(at)


def test_the_default_ports_are_the_contracts():
    plan = make_plan({}, moved=None)
    assert (plan.web, plan.running) == ("http://127.0.0.1:5000", {})
    assert {
        "SURREALDB_URL": "ws://127.0.0.1:8000",
        "PUBSUB_EMULATOR_HOST": "127.0.0.1:8085",
        "FIREBASE_AUTH_EMULATOR_HOST": "127.0.0.1:9099",
        "CONFAB_REALTIME_URLS": "http://127.0.0.1:8081,http://127.0.0.1:8082",
    }.items() <= plan.env.items()


@pytest.mark.parametrize("setting", ["off", "required"])
def test_nobody_is_signed_up_where_only_agents_are_served(setting, tmp_path):
    plan = make_plan({"CONFAB_APP_CHECK": setting}, moved=0)
    services = stack._services(plan, DataFolder(tmp_path), Address("127.0.0.1", 9))
    assert ("seed" in {service.name for service in services}) is (setting == "off")


def test_a_description_has_the_variables_and_no_password():
    plan = make_plan({"SURREALDB_DATABASE": "other", "SURREALDB_PASSWORD": "hush"}, moved=None)
    described = plan.description()
    assert set(described) == {"web", "functions", "env"}
    assert "'SURREALDB_DATABASE': 'other'" in str(described)
    assert "hush" not in str(described)


def test_the_ports_from_a_given_one_on_are_the_same_each_time():
    plan = make_plan({"FIREBASE_AUTH_EMULATOR_HOST": "127.0.0.1:9099"}, moved=5100)
    assert (plan.web, plan.addresses["auth"]) == ("http://127.0.0.1:5100", Address("127.0.0.1", 9099))
    assert plan.env["CONFAB_REALTIME_URLS"] == "http://127.0.0.1:5102,http://127.0.0.1:5103"
    assert [plan.addresses[name].port for name in ("pubsub", "surrealdb")] == [5105, 5106]


@pytest.mark.parametrize("url", ["nonsense", "http://127.0.0.1:1", "http://[", "ftp://127.0.0.1"])
def test_only_a_realtime_instance_is_used(url):
    assert make_plan({"CONFAB_REALTIME_URLS": url}, moved=None).running == {}


def test_a_server_is_started_where_a_variable_points_and_none_responds_if_that_is_local():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        free = closed.getsockname()[1]
    plan = make_plan({"SURREALDB_URL": f"ws://127.0.0.1:{free}"}, moved=None)
    assert (plan.running, plan.addresses["surrealdb"].port) == ({}, free)
    with pytest.raises(StackError, match=r"^SURREALDB_URL points at db\.invalid:8000, where no server "):
        make_plan({"SURREALDB_URL": "ws://db.invalid:8000"}, moved=None)


def test_servers_that_run_are_used_and_not_started(taken, tmp_path, monkeypatch):
    monkeypatch.setattr("infra.local.plan.answers_ok", lambda url: url.endswith("/healthz"))
    at = f"127.0.0.1:{taken}"
    used = {"SURREALDB_URL": f"ws://{at}", "PUBSUB_EMULATOR_HOST": at, "FIREBASE_AUTH_EMULATOR_HOST": at}
    plan = make_plan(used | {"CONFAB_REALTIME_URLS": f"http://{at}"}, moved=None)
    assert [*plan.running] == ["surrealdb", "pubsub", "auth", "realtime"]
    services = stack._services(plan, DataFolder(tmp_path), Address("127.0.0.1", 1))
    assert [each.name for each in services] == ["schema", "firebase", "warm"]


def test_a_reset_empties_the_folder_and_follows_no_link(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").touch()
    data = DataFolder(tmp_path / "data")
    with data.held():
        (data.logs / "a.log").touch()
        (data.path / "link").symlink_to(outside)
        data.empty()
    assert [entry.name for entry in data.path.iterdir()] == ["lock"]
    assert (outside / "precious").exists()


def test_only_a_running_stack_has_a_description(tmp_path):
    data = DataFolder(tmp_path / "data")
    description = data.path / "stack.json"
    with pytest.raises(StackError, match=r"^no stack runs here"):
        data.running()
    assert not data.path.exists()
    with data.held(), data.described({"web": "http://127.0.0.1:5000"}):
        assert data.running() == {"web": "http://127.0.0.1:5000"}
    assert not description.exists()
    description.write_text("{}")
    with pytest.raises(StackError, match=r"^the stack here was killed, and another one may respond"):
        data.running()
    with data.held(), pytest.raises(StackError, match="not ready"):  # the next stack has other addresses
        data.running()
