"""What the account may do in the project, as Resource Manager itself says."""

import httpx

from infra.deploy.runner import Runner
from infra.deploy.target import Target

NEEDED = (
    "artifactregistry.repositories.create",
    "cloudbuild.builds.create",
    "cloudfunctions.functions.create",
    "firebase.projects.update",
    "firebasehosting.sites.update",
    "iam.roles.create",
    "iam.serviceAccounts.actAs",
    "iam.serviceAccounts.create",
    "logging.logMetrics.create",
    "monitoring.alertPolicies.create",
    "pubsub.topics.create",
    "resourcemanager.projects.setIamPolicy",
    "run.services.create",
    "run.services.setIamPolicy",
    "secretmanager.secrets.create",
    "serviceusage.services.enable",
    "storage.buckets.create",
)
"""One for each kind of thing that a deployment makes."""
OVERRIDE = "CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDRESOURCEMANAGER"
"""Where gcloud, too, looks for another address of this API."""
_API = "https://cloudresourcemanager.googleapis.com/"
_DEADLINE_S = 30.0


def lacking(runner: Runner, target: Target) -> str | None:
    """The permissions that the account of gcloud lacks, in words, or None if it has all."""
    token = runner.ask("gcloud", "auth", "print-access-token")
    if not token.ok:
        return token.trouble
    base = target.env.get(OVERRIDE) or _API
    try:
        answer = httpx.post(
            f"{base.rstrip('/')}/v1/projects/{target.project}:testIamPermissions",
            json={"permissions": NEEDED},
            headers={"Authorization": f"Bearer {token.out.strip()}"},
            timeout=_DEADLINE_S,
        )
        answer.raise_for_status()
        granted = answer.json().get("permissions", [])
    except (httpx.HTTPError, ValueError) as error:
        return f"cannot be found out: {error}"
    absent = sorted(set(NEEDED) - set(granted))
    return f"lacks {', '.join(absent)}" if absent else None
