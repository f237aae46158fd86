"""A deployment never replaces another app on its Hosting site."""

import json
import os
import subprocess

import httpx
import pytest

from infra.deploy.target import ROOT
from tests.deploy.machine import PROJECT

OURS = {"deployment-tool": "cli-firebase--confab"}


def channel(**more: object) -> dict[str, object]:
    """The API's live channel of a site."""
    return {"name": f"projects/1/sites/{PROJECT}/channels/live", "url": f"https://{PROJECT}.web.app", **more}


def live(labels: object = None, kind: str = "DEPLOY", **more: object) -> dict[str, object]:
    """The live channel with a release that rewrites to Confab's functions."""
    rewrites = [{"glob": "/api/conversations", "run": {"serviceId": "confab-conversations"}}]
    labels = {"deployment-tool": "cli-firebase"} if labels is None else labels
    release = {
        "version": {"status": "FINALIZED", "config": {"rewrites": rewrites}, "labels": labels},
        "type": kind,
        "releaseTime": "2025-10-23T00:25:24.288Z",
        "releaseUser": {"email": "ada@their.example"},
    }
    return channel(release=release | more)


USED = {
    "no site": (404, {"error": {"code": 404, "status": "NOT_FOUND"}}),
    "never released to": (200, channel()),
    "Confab's": (200, live(OURS)),
    "Confab's, rolled back": (200, live(OURS, "ROLLBACK")),
    "disabled": (200, channel(release={"name": "x", "type": "SITE_DISABLE"})),
}
ANOTHERS = {
    "of the CLI": live(),
    "unlabelled": live({}),
    "of another agent": live({"deployment-tool": "cli-firebase--action-hosting-deploy"}),
    "another label": live({"deployment-tool": "confab"}),
    "of the same message": live(kind="ROLLBACK", message="Confab"),
}
UNKNOWN = [
    (403, {"error": {"code": 403, "status": "PERMISSION_DENIED"}}),
    (500, {}),
    (404, "a proxy's page"),
    (200, "a proxy's page"),
    (200, {}),
    (200, {"name": "something else"}),
    (200, channel(release=[])),
    (200, channel(release={"type": "DEPLOY"})),
    (200, channel(release={"type": "DEPLOY", "version": {"labels": ["cli-firebase--confab"]}})),
    httpx.ConnectError("no route"),
]


@pytest.mark.parametrize("answer", USED.values(), ids=USED)
def test_a_site_that_serves_nothing_or_confab_is_used(machine, answer):
    machine.live[PROJECT] = answer
    code, output = machine.up()
    assert code == 0, output
    assert "ok      site: confab-trial " in output


@pytest.mark.parametrize("release", ANOTHERS.values(), ids=ANOTHERS)
def test_a_site_of_another_app_is_refused_even_if_that_calls_confab(machine, release):
    machine.live[PROJECT] = 200, release
    for command in ("check", "up"):
        code, output = machine.run(command)
        assert code == 1
        line = f"MISSING site: {PROJECT} serves another app, released by ada@their.example at 2025-"
        (found,) = [one for one in output.splitlines() if one.startswith(line)]
        assert '. Fix: give Confab its own site in the project: ARGS="--site ' in found
        assert f"firebase hosting:disable --project {PROJECT} --site {PROJECT}" in found
    assert machine.changes == []


@pytest.mark.parametrize("answer", UNKNOWN, ids=str)
def test_a_site_that_cannot_be_inspected_is_refused(machine, answer):
    machine.live[PROJECT] = answer
    code, output = machine.up()
    assert (code, machine.changes) == (1, [])
    assert "MISSING site: " in output


def test_a_site_of_its_own_is_used_beside_the_app(machine):
    machine.live[PROJECT] = 200, live()
    assert machine.up()[0] == 1
    code, output = machine.up("--site", "trial-chat")
    assert code == 0, output
    assert set(machine.inspected) >= {("a-token-of-gcloud", site) for site in (PROJECT, "trial-chat")}


def test_a_site_that_another_app_takes_meanwhile_is_refused(machine):
    machine.live["a-site"] = 200, live()  # the site of the stack's outputs
    code, output = machine.up()
    assert code == 1
    assert "infra.deploy: the page was not released: a-site serves another app" in output
    assert not [call for call in machine.changes if call.words[:2] == ("firebase", "deploy")]


def test_the_firebase_cli_labels_a_release_so_that_the_next_one_recognizes_it(machine):
    machine.up()
    release = machine.changes[-1]
    assert release.words[:2] == ("firebase", "deploy")
    script = "console.log(JSON.stringify(require('firebase-tools/lib/deploymentTool').labels()))"
    done = subprocess.run(
        ["node", "-e", script],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "FIREBASE_DEPLOY_AGENT": release.env["FIREBASE_DEPLOY_AGENT"]},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert json.loads(done.stdout) == OURS
    machine.live[PROJECT] = 200, live(json.loads(done.stdout))
    assert machine.up()[0] == 0
