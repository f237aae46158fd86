"""Whether the page may be released on a Hosting site: never where another app is served.

A release replaces all that a site serves. So it takes evidence that this harms nobody, and an answer that
gives none is one that forbids it:

- Nothing is served: there is no such site, nothing was ever released on it, or it was disabled by hand.
- Confab is served: the version has the label that the Firebase CLI gives it because of MARK. A version
  never changes, and a rollback serves an older one again with its label.

Neither rewrites to Confab's services nor a release's message say that it is Confab's own: an app
that uses Confab has the former too, and a message is anybody's text, which a rollback does not keep.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from infra.deploy import api
from infra.deploy.runner import Runner
from infra.deploy.target import Target

MARK = {"FIREBASE_DEPLOY_AGENT": "confab"}
"""What the Firebase CLI is given with each release of ours, and puts into the version's labels."""
OVERRIDE = "FIREBASE_HOSTING_API_URL"
"""Where the Firebase CLI, too, looks for another address of this API."""
_API = "https://firebasehosting.googleapis.com"


def free(runner: Runner, target: Target) -> str | None:
    """What stands against a release on the target's site, in words, or None."""
    return occupied(runner, target, target.site_id)


def occupied(runner: Runner, target: Target, site: str) -> str | None:
    """What stands against a release on a site of the project, in words, or None."""
    base = (target.env.get(OVERRIDE) or _API).rstrip("/")
    url = f"{base}/v1beta1/projects/{target.project}/sites/{site}/channels/live"
    try:
        status, said = api.ask(runner, target, api.GCLOUD, url)
    except api.Unanswered as error:
        return f"what {site} serves {error}"
    match status, said:
        case HTTPStatus.NOT_FOUND, {"error": {"status": "NOT_FOUND"}}:
            return None
        case HTTPStatus.OK, {"release": {} as release}:
            return _replaced(site, release)
        case HTTPStatus.OK, {"name": str(channel)} if "release" not in said and channel.endswith("/live"):
            return None
    return f"what {site} serves cannot be told from an answer with status {status}"


def _replaced(site: str, release: Mapping[str, Any]) -> str | None:
    """What stands against replacing this release, in words, or None."""
    match release:
        case {"type": "SITE_DISABLE"} | {"version": {"labels": {"deployment-tool": "cli-firebase--confab"}}}:
            return None
        case {"releaseUser": {"email": str(who)}}:
            return f"{site} serves what is not Confab's, released by {who} at {release.get('releaseTime')}"
    return f"{site} serves what is not Confab's"
