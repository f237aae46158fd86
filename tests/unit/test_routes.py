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


def test_the_dispatcher_serves_what_shares_a_path():
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


def imported_by(target: str) -> set[str]:
    """The modules in memory when functions-framework has loaded a target."""
    script = f"""
import sys
from functions_framework import create_app
create_app({target!r}, "main.py")
print("\\n".join(sys.modules))
"""
    return printed_by(script)


def printed_by(script: str) -> set[str]:
    """The words that a Python process prints."""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT / "functions", capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("target", ["get_conversation", "list_conversations"])
def test_a_read_does_not_import_the_bus(target):
    assert not [
        name for name in imported_by(target) if name.startswith(("google.pubsub", "confab.bus", "grpc"))
    ]


def test_the_use_cases_do_not_import_pubsub_before_they_announce():
    script = (
        "import sys; from confab import config; from confab.wiring import Adapters\n"
        "Adapters(config.load({})).conversations; print(*sys.modules, sep='\\n')"
    )
    modules = printed_by(script)
    assert "confab.store.surreal" in modules
    assert not [name for name in modules if name.startswith(("google.pubsub", "confab.bus", "grpc"))]


def test_the_store_is_reached_through_its_official_client():
    script = (
        "import sys; sys.modules['surrealdb'] = None\n"
        "try:\n    import confab.store.surreal\nexcept ImportError as error:\n    print(error.name)"
    )
    assert printed_by(script) == {"surrealdb"}


def test_a_wrong_environment_stops_a_function_before_it_serves():
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "functions_framework",
            "--source",
            "functions/main.py",
            "--target",
            "add_message",
        ],
        cwd=ROOT,
        env={"PATH": "/usr/bin", "K_SERVICE": "x", "FIREBASE_AUTH_EMULATOR_HOST": "127.0.0.1:9099"},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode != 0
    assert "FIREBASE_AUTH_EMULATOR_HOST must not be set on Cloud Run" in done.stderr
