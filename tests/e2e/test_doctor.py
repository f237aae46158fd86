"""`make doctor` on the local stack."""

import json
import subprocess
import sys

from tests.support.pubsub import closed_port
from tests.support.stack import ROOT


def doctor(stack, *arguments):
    """The exit code and output of the command on a running stack."""
    command = [sys.executable, "-m", "infra.probes", "--data", str(stack.data), *arguments]
    env = {"PYTHONPATH": "functions"}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout


def test_a_healthy_stack_passes_every_probe_and_the_acceptance_of_a_proof(stack):
    code, printed = doctor(stack, "--thorough", "0.02")
    assert (code, printed.splitlines()[-1]) == (0, "51 ok, 0 FAIL, 0 skipped"), printed


def test_an_instance_that_does_not_run(stack):
    away = f"http://{closed_port()}"
    code, printed = doctor(stack, "--skip", "web", "--realtime", away, "--json")
    found = json.loads(printed)
    assert (code, found["ok"]) == (1, False)
    failed = {probe["name"] for probe in found["probes"] if probe["status"] == "FAIL"}
    assert failed == {"realtimeUrl", *(f"{name} {away}" for name in ("alive", "ready", "sockets", "join"))}
