"""What is released on Firebase Hosting, and whether it may be: never where another app is served.

firebase.json names functions of the Firebase CLI, for the emulator. In the cloud they are deployed
by themselves, and the stack says which Cloud Run service each path is rewritten to, and on which site.

A release replaces all that a site serves. So it takes evidence that it harms nobody, and a response that
gives none forbids it:

- Nothing is served: there is no such site, nothing was ever released on it, or it was disabled by hand.
- Confab is served: the version has the label that the Firebase CLI gives it because of MARK. A version
  never changes, and a rollback serves an older one again with its label.

Neither rewrites to Confab's services nor a release's message show that it is Confab: an app that uses
Confab has the former too, and anybody may write the latter, which a rollback does not keep.
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
"""What the Firebase CLI gets with each release of Confab, and puts into the version's labels."""
OVERRIDE = "FIREBASE_HOSTING_API_URL"
"""Where the Firebase CLI, too, looks for another address of this API."""
_API = "https://firebasehosting.googleapis.com"


def lay_out(file: Path, outputs: Outputs, public: Path = ROOT / "public") -> None:
    """Write a project for the Firebase CLI, Hosting alone, into the folder of its firebase.json."""
    hosting = json.loads((ROOT / "firebase.json").read_text())["hosting"]
    released = {"hosting": {**hosting, "site": outputs.site, "rewrites": outputs.rewrites}}
    file.write_text(json.dumps(released, indent=2))
    shutil.copytree(public, file.parent / "public")


def require_free(runner: Runner, target: Target, site: str) -> str:
    """Why a release on a site of the project harms nobody; raises Failure where that is not known."""
    base = (target.env.get(OVERRIDE) or _API).rstrip("/")
    url = f"{base}/v1beta1/projects/{target.project}/sites/{site}/channels/live"
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
