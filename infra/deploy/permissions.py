"""What an account may do in the project, as Resource Manager itself says."""

from collections.abc import Sequence
from http import HTTPStatus

from infra.deploy import api
from infra.deploy.runner import Runner
from infra.deploy.target import Target

MAKES = {
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
CALLS = ("resourcemanager.projects.get", "serviceusage.services.use")
"""What takes looking at a project, and being the one on which a person's calls are counted."""
BUILDS = (
    "artifactregistry.dockerimages.get",
    "cloudbuild.builds.create",
    "iam.serviceAccounts.actAs",
    "storage.objects.create",
)
"""What gcloud is asked to do: look for the image, and build."""
LOOKS = ("firebasehosting.sites.get",)
"""What takes seeing whether a Hosting site serves another app."""
OVERRIDE = "CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDRESOURCEMANAGER"
"""Where gcloud, too, looks for another address of this API."""
_API = "https://cloudresourcemanager.googleapis.com"


def of_gcloud(runner: Runner, target: Target) -> str | None:
    """What the account of gcloud lacks, in words, or None if it may do everything."""
    return _lacking(runner, target, api.GCLOUD, {*CALLS, *BUILDS, *LOOKS})


def of_the_program(runner: Runner, target: Target) -> str | None:
    """What the application default credentials lack, which the Pulumi program runs with."""
    needed = {*CALLS, *(permission for each in MAKES.values() for permission in each)}
    return _lacking(runner, target, api.APPLICATION_DEFAULT, needed)


def _lacking(runner: Runner, target: Target, login: Sequence[str], needed: set[str]) -> str | None:
    base = (target.env.get(OVERRIDE) or _API).rstrip("/")
    url = f"{base}/v1/projects/{target.project}:testIamPermissions"
    try:
        status, said = api.ask(runner, target, login, url, {"permissions": sorted(needed)})
    except api.Unanswered as error:
        return str(error)
    if status != HTTPStatus.OK:
        return f"cannot be found out: {url} answers {status}"
    absent = sorted(needed - set(said.get("permissions", [])))
    return f"lacks {', '.join(absent)}" if absent else None
