"""Prepares a release on Firebase Hosting, and refuses one that would replace another app.

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
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from infra.deploy import google_api
from infra.deploy.runner import Runner
from infra.deploy.stack import Outputs
from infra.deploy.target import ROOT, Target
from infra.probes.probe import Failure

MARK = {"FIREBASE_DEPLOY_AGENT": "confab"}
"""The variable from which the Firebase CLI derives the label of a version."""
_API = "https://firebasehosting.googleapis.com"


def lay_out(file: Path, outputs: Outputs, public: Path = ROOT / "public") -> None:
    """Write a project for the Firebase CLI: this firebase.json with Hosting alone, and the page beside it."""
    hosting = json.loads((ROOT / "firebase.json").read_text())["hosting"]
    released = {"hosting": {**hosting, "site": outputs.site, "rewrites": outputs.rewrites}}
    file.write_text(json.dumps(released, indent=2))
    shutil.copytree(public, file.parent / "public")


def require_free(runner: Runner, target: Target, site: str) -> str:
    """The reason why a release on this site replaces no other app. Raises Failure without evidence."""
    url = f"{_API}/v1beta1/projects/{target.project}/sites/{site}/channels/live"
    try:
        response = google_api.call(runner, target, google_api.GCLOUD, url)
    except Failure as failure:
        raise Failure(f"cannot find out what {site} serves: {failure.seen}") from None
    match response:
        case HTTPStatus.NOT_FOUND, {"error": {"status": "NOT_FOUND"}}:
            return f"{site} does not exist yet"
        case HTTPStatus.OK, {"release": {} as release}:
            return _require_ours(site, release)
        case HTTPStatus.OK, {"name": str(channel)} as live if "release" not in live and channel.endswith(
            "/live"
        ):
            return f"{site} serves nothing"
    raise Failure(f"cannot find out what {site} serves: status {response[0]}")


def _require_ours(site: str, release: Mapping[str, Any]) -> str:
    match release:
        case {"type": "SITE_DISABLE"}:
            return f"{site} is disabled"
        case {"version": {"labels": {"deployment-tool": "cli-firebase--confab"}}}:
            return f"{site} serves Confab"
        case {"releaseUser": {"email": str(user)}}:
            by = f", released by {user} at {release.get('releaseTime')}"
            raise Failure(f"{site} serves another app{by}")
    raise Failure(f"{site} serves another app")
