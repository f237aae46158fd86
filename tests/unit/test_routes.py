"""One table of routes: what is deployed and what Hosting rewrites follows it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from confab.http.routes import DISPATCHER, ROUTES, functions, rewrites

ROOT = Path(__file__).parents[2]


def test_the_routes_are_the_contracts():
    assert {(r.operation, r.method, r.path) for r in ROUTES} == {
        ("create_conversation", "POST", "/api/conversations"),
        ("list_conversations", "GET", "/api/conversations"),
        ("get_conversation", "GET", "/api/conversations/{id}"),
        ("add_message", "POST", "/api/conversations/{id}/messages"),
        ("finalize_conversation", "POST", "/api/conversations/{id}/finalize"),
    }


def test_the_dispatcher_serves_the_routes_that_share_a_path():
    assert [route.operation for route in functions()[DISPATCHER]] == [
        "create_conversation",
        "list_conversations",
    ]


def test_hosting_rewrites_every_path_to_its_function():
    hosting = json.loads((ROOT / "firebase.json").read_text())["hosting"]
    assert [(r["source"], r["function"]["functionId"]) for r in hosting["rewrites"]] == list(rewrites())


def test_the_manifest_deploys_every_function():
    endpoints = yaml.safe_load((ROOT / "functions/functions.yaml").read_text())["endpoints"]
    assert {name: endpoint["entryPoint"] for name, endpoint in endpoints.items()} == {
        name: name for name in functions()
    }


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/api/conversations/abc/messages", "abc"),
        ("/api/conversations/abc", None),
        ("/api/conversations//messages", None),
        ("/api/conversations/a/b/messages", None),
        ("/api/conversations/abc/messages/", None),
        ("/x/api/conversations/abc/messages", None),
    ],
)
def test_a_path_is_matched_whole(path, found):
    add_message = next(route for route in ROUTES if route.operation == "add_message")
    assert add_message.match(path) == found


def printed_by(script: str) -> str:
    """The output of a Python process."""
    command = [sys.executable, "-c", script]
    return subprocess.run(command, cwd=ROOT / "functions", capture_output=True, text=True, check=True).stdout


BUS = ("google.pubsub", "confab.bus", "grpc")
FUNCTION = 'from functions_framework import create_app; create_app("{}", "main.py")'
USE_CASES = (
    "from confab import config; from confab.wiring import Adapters; Adapters(config.load({})).conversations"
)


@pytest.mark.parametrize(
    ("statements", "imported", "left_out"),
    [
        (FUNCTION.format("get_conversation"), "confab.http.edge", BUS),
        (FUNCTION.format("list_conversations"), "confab.http.edge", BUS),
        (USE_CASES, "confab.store.surreal", BUS),
    ],
    ids=["get_conversation", "list_conversations", "use cases"],
)
def test_the_bus_is_not_imported_before_something_is_published(statements, imported, left_out):
    modules = printed_by(f"import sys; {statements}; print(*sys.modules)").split()
    assert imported in modules
    assert not [name for name in modules if name.startswith(left_out)]


def test_the_store_is_reached_through_its_official_client():
    script = (
        "import sys; sys.modules['surrealdb'] = None\n"
        "try:\n    import confab.store.surreal\nexcept ImportError as error:\n    print(error.name)"
    )
    assert printed_by(script) == "surrealdb\n"


def test_a_wrong_environment_stops_a_function_before_it_serves():
    command = ["-m", "functions_framework", "--source", "functions/main.py", "--target", "add_message"]
    done = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env={"PATH": "/usr/bin", "K_SERVICE": "x", "FIREBASE_AUTH_EMULATOR_HOST": "127.0.0.1:9099"},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode != 0
    assert "FIREBASE_AUTH_EMULATOR_HOST must not be set on Cloud Run" in done.stderr
