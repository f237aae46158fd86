"""One table of routes: what is deployed and what Hosting rewrites follows it."""

import json
import subprocess
import sys
from pathlib import Path

import yaml

from confab.http.routes import functions, rewrites

ROOT = Path(__file__).parents[2]


def test_a_dispatcher_serves_the_routes_that_share_a_path():
    shared = {name: [route.operation for route in routes] for name, routes in functions().items()}
    assert {name: routes for name, routes in shared.items() if len(routes) > 1} == {
        "conversations": ["create_conversation", "list_conversations"],
        "conversation": ["get_conversation", "update_conversation", "delete_conversation"],
        "message": ["edit_message", "delete_message"],
        "member": ["set_member", "remove_member"],
    }


def test_hosting_rewrites_every_path_to_its_function():
    hosting = json.loads((ROOT / "firebase.json").read_text())["hosting"]
    assert [(r["source"], r["function"]["functionId"]) for r in hosting["rewrites"]] == list(rewrites())


def test_the_manifest_deploys_every_function():
    endpoints = yaml.safe_load((ROOT / "functions/functions.yaml").read_text())["endpoints"]
    assert {name: endpoint["entryPoint"] for name, endpoint in endpoints.items()} == {
        name: name for name in functions()
    }


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
