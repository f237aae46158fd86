"""What an account may do in the project, according to Resource Manager."""

from http import HTTPStatus

from infra.deploy import google_api
from infra.deploy.runner import Runner
from infra.deploy.target import Target
from infra.probes.probe import Failure

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
"""What it takes to make a resource of the Pulumi program, by its type."""
CALLS = ("resourcemanager.projects.get", "serviceusage.services.use")
"""For reading the project, and for counting a person's calls on it."""
BUILDS = (
    "artifactregistry.dockerimages.get",
    "cloudbuild.builds.create",
    "iam.serviceAccounts.actAs",
    "storage.objects.create",
)
"""For finding the image, and building it."""
LOOKS = ("firebasehosting.sites.get",)
"""For finding out whether a Hosting site serves another app."""
OVERRIDE = "CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDRESOURCEMANAGER"
"""Where gcloud, too, looks for another address of this API."""
_API = "https://cloudresourcemanager.googleapis.com"


def of_gcloud(runner: Runner, target: Target) -> str:
    """The account of gcloud may do all that it is used for."""
    return _require(runner, target, google_api.GCLOUD, {*CALLS, *BUILDS, *LOOKS})


def of_the_program(runner: Runner, target: Target) -> str:
    """The application default credentials, which the Pulumi program runs with, may make everything."""
    needed = {*CALLS, *(permission for each in MAKES.values() for permission in each)}
    return _require(runner, target, google_api.APPLICATION_DEFAULT, needed)


def _require(runner: Runner, target: Target, login: str, needed: set[str]) -> str:
    base = (target.env.get(OVERRIDE) or _API).rstrip("/")
    url = f"{base}/v1/projects/{target.project}:testIamPermissions"
    status, body = google_api.call(runner, target, login, url, {"permissions": sorted(needed)})
    if status != HTTPStatus.OK:
        raise Failure(f"{url} responds {status}")
    if absent := sorted(needed - set(body.get("permissions", []))):
        raise Failure(f"lacks {', '.join(absent)}")
    return f"all {len(needed)}"
