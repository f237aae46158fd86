"""What an account may do in the project, as Resource Manager itself says."""

from collections.abc import Sequence

import httpx

from infra.deploy.runner import Runner
from infra.deploy.target import Target

MAKES = {
    "apigateway/Api": ("apigateway.apis.create",),
    "apigateway/ApiConfig": ("apigateway.apiconfigs.create",),
    "apigateway/Gateway": ("apigateway.gateways.create",),
    "artifactregistry/Repository": ("artifactregistry.repositories.create",),
    "artifactregistry/RepositoryIamMember": ("artifactregistry.repositories.setIamPolicy",),
    "cloudfunctionsv2/Function": ("cloudfunctions.functions.create", "iam.serviceAccounts.actAs"),
    "cloudrunv2/Service": ("run.services.create", "iam.serviceAccounts.actAs"),
    "cloudrunv2/ServiceIamMember": ("run.services.setIamPolicy",),
    "firebase/HostingSite": ("firebasehosting.sites.create",),
    "firebase/Project": ("firebase.projects.update",),
    "logging/Metric": ("logging.logMetrics.create",),
    "monitoring/AlertPolicy": ("monitoring.alertPolicies.create",),
    "monitoring/Dashboard": ("monitoring.dashboards.create",),
    "monitoring/NotificationChannel": ("monitoring.notificationChannels.create",),
    "projects/IAMCustomRole": ("iam.roles.create",),
    "projects/IAMMember": ("resourcemanager.projects.setIamPolicy",),
    "projects/Service": ("serviceusage.services.enable",),
    "pubsub/Topic": ("pubsub.topics.create",),
    "pubsub/TopicIAMMember": ("pubsub.topics.setIamPolicy",),
    "secretmanager/Secret": ("secretmanager.secrets.create",),
    "secretmanager/SecretIamMember": ("secretmanager.secrets.setIamPolicy",),
    "secretmanager/SecretVersion": ("secretmanager.versions.add",),
    "serviceaccount/Account": ("iam.serviceAccounts.create",),
    "storage/Bucket": ("storage.buckets.create",),
    "storage/BucketObject": ("storage.objects.create",),
}
"""What making a resource of the Pulumi program takes, by its type."""
OPTIONAL = "apigateway/"
"""The resources that a stack makes only if it is told to."""
GATEWAY = "confab:apiGateway"
CALLS = ("resourcemanager.projects.get", "serviceusage.services.use")
"""What takes looking at a project, and being the one on which a person's calls are counted."""
BUILDS = (
    "artifactregistry.dockerimages.get",
    "cloudbuild.builds.create",
    "iam.serviceAccounts.actAs",
    "storage.objects.create",
)
"""What gcloud is asked to do: look for the image, and build."""
OVERRIDE = "CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDRESOURCEMANAGER"
"""Where gcloud, too, looks for another address of this API."""
_API = "https://cloudresourcemanager.googleapis.com/"
_DEADLINE_S = 30.0


def of_gcloud(runner: Runner, target: Target) -> str | None:
    """What the account of gcloud lacks, in words, or None if it may do everything."""
    return _lacking(runner, target, ("gcloud", "auth"), {*CALLS, *BUILDS})


def of_the_program(runner: Runner, target: Target) -> str | None:
    """What the application default credentials lack, which the Pulumi program runs with."""
    gateway = target.kept.get(GATEWAY) == "true"
    made = (needed for kind, needed in MAKES.items() if gateway or not kind.startswith(OPTIONAL))
    needed = {*CALLS, *(permission for each in made for permission in each)}
    return _lacking(runner, target, ("gcloud", "auth", "application-default"), needed)


def _lacking(runner: Runner, target: Target, login: Sequence[str], needed: set[str]) -> str | None:
    token = runner.ask(*login, "print-access-token")
    if not token.ok:
        return token.trouble
    base = target.env.get(OVERRIDE) or _API
    try:
        answer = httpx.post(
            f"{base.rstrip('/')}/v1/projects/{target.project}:testIamPermissions",
            json={"permissions": sorted(needed)},
            headers={
                "Authorization": f"Bearer {token.out.strip()}",
                "X-Goog-User-Project": target.project,
            },
            timeout=_DEADLINE_S,
        )
        answer.raise_for_status()
        granted = answer.json().get("permissions", [])
    except (httpx.HTTPError, ValueError) as error:
        return f"cannot be found out: {error}"
    absent = sorted(needed - set(granted))
    return f"lacks {', '.join(absent)}" if absent else None
