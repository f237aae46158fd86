"""`make doctor` on the local stack."""

import json
import subprocess
import sys

from infra.probes import conversation, realtime
from tests.support.pubsub import closed_port
from tests.support.stack import ROOT


def doctor(stack, *arguments):
    """The exit code and output of the command on a running stack."""
    command = [sys.executable, "-m", "infra.probes", "--data", str(stack.data), *arguments]
    env = {"PYTHONPATH": "functions"}
    done = subprocess.run(
        command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout


def test_a_healthy_stack(stack):
    code, printed = doctor(stack)
    assert code == 0, printed
    assert printed.splitlines()[-1] == "29 ok, 0 FAIL, 0 skipped"


def test_an_instance_that_does_not_run(stack):
    away = f"http://{closed_port()}"
    code, printed = doctor(stack, "--skip", "web", "--realtime", away, "--json")
    assert code == 1
    found = json.loads(printed)
    assert found["ok"] is False
    assert {probe["name"]: probe["fix"] for probe in found["probes"] if probe["status"] == "FAIL"} == {
        f"alive {away}": realtime.FIX_AWAY,
        f"ready {away}": realtime.FIX_AWAY,
        f"sockets {away}": realtime.FIX_SOCKETS,
        "realtimeUrl": conversation.FIX_URLS,
        f"join {away}": conversation.FIX_JOIN,
    }
