"""Prepares the demonstration page's release on Firebase Hosting, and refuses one that replaces another app.

The repository's firebase.json rewrites to the emulator's functions. In the cloud, the stack's outputs name
the site, and the Cloud Run service behind each rewrite.

A release replaces everything that a site serves, so it fails closed. It takes evidence of one of these:

- The site serves nothing: it does not exist, never had a release, or an operator disabled it.
- The site serves Confab: its version has the label that the Firebase CLI derives from MARK. Versions are
  immutable, so a rollback brings the label back.

Rewrites to Confab's services prove nothing, because any app that uses Confab has them. A release's message
proves nothing either: everybody can write one, and a rollback drops it.
"""

import json
import shutil
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple

from infra import page
from infra.deploy import google_api
from infra.deploy.runner import Runner
from infra.deploy.stack import Outputs
from infra.deploy.target import ROOT, Target
from infra.probes.probe import Failure

MARK = {"FIREBASE_DEPLOY_AGENT": "confab"}
"""The variable from which the Firebase CLI derives the label of a version."""
API = "https://firebasehosting.googleapis.com/v1beta1"
_OWN = "omit the name, and the page gets a site of its own: --page"


class Evidence(NamedTuple):
    """The reason why a release on a site replaces no other app."""

    seen: str
    ours: bool = False
    """Whether the site serves Confab."""


def lay_out(file: Path, outputs: Outputs, sources: Iterable[str], public: Path = ROOT / "public") -> None:
    """Write a project for the Firebase CLI: this firebase.json with Hosting alone, and the page beside it.

    Its policy lets the page connect to its own origin, to Firebase Auth, and to these sources.
    """
    hosting = page.firebase_json([*page.SIGN_IN, *sources])["hosting"]
    released = {"hosting": {**hosting, "site": outputs.page, "rewrites": outputs.rewrites}}
    file.write_text(json.dumps(released, indent=2))
    shutil.copytree(public, file.parent / "public")


def require_own(runner: Runner, target: Target) -> str:
    """The page's site serves Confab, or it serves nothing and is not the project's default site."""
    assert target.page is not None
    evidence = require_free(runner, target, target.page)
    if not evidence.ours:
        status, found = _get(runner, target, target.page)
        default = status == HTTPStatus.OK and found.get("type") == "DEFAULT_SITE"
        if default or target.page == target.project:
            raise Failure(f"{target.page} is the project's default site", _OWN)
    return evidence.seen


def require_free(runner: Runner, target: Target, site: str) -> Evidence:
    """The evidence that a release on this site replaces no other app. Raises Failure without any."""
    response = _get(runner, target, f"{site}/channels/live")
    match response:
        case HTTPStatus.NOT_FOUND, {"error": {"status": "NOT_FOUND"}}:
            return Evidence(f"{site} does not exist yet")
        case HTTPStatus.OK, {"release": {} as release}:
            return _require_ours(site, release)
        case HTTPStatus.OK, {"name": str(name)} as live if "release" not in live and name.endswith("/live"):
            return Evidence(f"{site} serves nothing")
    raise Failure(f"cannot find out what {site} serves: status {response[0]}")


def _get(runner: Runner, target: Target, path: str) -> tuple[int, Any]:
    """The Hosting API's response about a site of the project. Raises Failure."""
    url = f"{API}/projects/{target.project}/sites/{path}"
    try:
        return google_api.call(runner, target, google_api.GCLOUD, url)
    except Failure as failure:
        site = path.partition("/")[0]
        raise Failure(f"cannot find out what {site} serves: {failure.seen}") from None


def _require_ours(site: str, release: Mapping[str, Any]) -> Evidence:
    match release:
        case {"type": "SITE_DISABLE"}:
            return Evidence(f"{site} is disabled")
        case {"version": {"labels": {"deployment-tool": "cli-firebase--confab"}}}:
            return Evidence(f"{site} serves Confab", ours=True)
        case {"releaseUser": {"email": str(user)}}:
            by = f", released by {user} at {release.get('releaseTime')}"
            raise Failure(f"{site} serves another app{by}")
    raise Failure(f"{site} serves another app")
