"""One table of routes: what is deployed and what Hosting rewrites follows it."""

import json
import subprocess
import sys
from pathlib import Path

import yaml

from confab.http.routes import DISPATCHER, functions, rewrites

ROOT = Path(__file__).parents[2]


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
