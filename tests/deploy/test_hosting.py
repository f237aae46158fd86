"""A deployment never replaces another app on its Hosting site."""

import json
import os
import subprocess

import httpx
import pytest

from infra.deploy.target import ROOT
from tests.deploy.machine import PAGE, PROJECT

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
    machine.live[PAGE] = answer
    code, output = machine.up("--page")
    assert code == 0, output
    assert "ok      page's site: confab-trial-confab " in output


@pytest.mark.parametrize("release", ANOTHERS.values(), ids=ANOTHERS)
def test_a_site_of_another_app_is_refused_even_if_that_calls_confab(machine, release):
    machine.live[PAGE] = 200, release
    for command in ("check", "up"):
        code, output = machine.run(command, "--page")
        assert code == 1
        line = f"MISSING page's site: {PAGE} serves another app, released by ada@their.example at 2025-"
        (found,) = [one for one in output.splitlines() if one.startswith(line)]
        assert ". Fix: let the page have a site of its own: --page" in found
        assert f"firebase hosting:disable --project {PROJECT} --site {PAGE}" in found
    assert machine.changes == []


@pytest.mark.parametrize("answer", UNKNOWN, ids=str)
def test_a_site_that_cannot_be_inspected_is_refused(machine, answer):
    machine.live[PAGE] = answer
    code, output = machine.up("--page")
    assert (code, machine.changes) == (1, [])
    assert "MISSING page's site: " in output


def test_the_default_sites_app_stays_and_is_not_even_looked_at(machine):
    machine.live[PROJECT] = 200, live()
    for options in ((), ("--page",), ("--page", "trial-chat", "--move")):
        code, output = machine.up(*options)
        assert code == 0, output
    assert {site for _, site in machine.inspected} == {PAGE, "trial-chat"}


@pytest.mark.parametrize("site", [PROJECT, "the-default"])
def test_the_page_never_takes_the_projects_default_site(machine, site):
    for options in ((), ("--page", site)):
        machine.kept = None if options else {"confab:page": site}
        code, output = machine.run("up", "--yes", *options)
        assert (code, machine.changes) == (1, [])
        assert f"MISSING page's site: {site} is the project's default site" in output
    machine.live[site] = 200, live(OURS)
    assert machine.up()[0] == 0  # it serves Confab since an earlier release


def test_a_site_that_another_app_takes_meanwhile_is_refused(machine):
    machine.kept = {"confab:page": "a-site"}
    machine.live = Meanwhile({"a-site": [(404, {"error": {"status": "NOT_FOUND"}}), (200, live())]})
    code, output = machine.up()
    assert code == 1
    assert "infra.deploy: the page was not released: a-site serves another app" in output
    assert not [call for call in machine.changes if call.words[:2] == ("firebase", "deploy")]


class Meanwhile(dict[str, list[object]]):
    """Answers about sites that change between two questions."""

    def get(self, site, _=None):
        return self[site].pop(0)


def test_the_firebase_cli_labels_a_release_so_that_the_next_one_recognizes_it(machine):
    machine.up("--page")
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
    machine.live[PAGE] = 200, live(json.loads(done.stdout))
    assert machine.up()[0] == 0
