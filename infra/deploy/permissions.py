"""Probes an account's permissions in the project, with Resource Manager's testIamPermissions."""

from http import HTTPStatus

from infra.deploy import google_api
from infra.deploy.runner import Runner
from infra.deploy.target import Target
from infra.probes.probe import Failure

CREATION = {
    "artifactregistry/Repository": ("artifactregistry.repositories.create",),
    "artifactregistry/RepositoryIamMember": ("artifactregistry.repositories.setIamPolicy",),
    "cloudfunctionsv2/Function": ("cloudfunctions.functions.create", "iam.serviceAccounts.actAs"),
    "cloudrunv2/Job": ("run.jobs.create", "iam.serviceAccounts.actAs"),
    "cloudrunv2/Service": ("run.services.create", "iam.serviceAccounts.actAs"),
    "cloudrunv2/ServiceIamMember": ("run.services.setIamPolicy",),
    "cloudscheduler/Job": ("cloudscheduler.jobs.create", "iam.serviceAccounts.actAs"),
    "compute/Disk": ("compute.disks.create",),
    "compute/DiskResourcePolicyAttachment": ("compute.disks.addResourcePolicies",),
    "compute/Firewall": ("compute.firewalls.create", "compute.networks.updatePolicy"),
    "compute/Instance": ("compute.instances.create", "iam.serviceAccounts.actAs"),
    "compute/Network": ("compute.networks.create",),
    "compute/ResourcePolicy": ("compute.resourcePolicies.create",),
    "compute/Subnetwork": ("compute.subnetworks.create",),
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
"""The permissions that create a resource of the Pulumi program, by its type."""
CALLS = ("resourcemanager.projects.get", "serviceusage.services.use")
"""For reading the project, and for counting a person's calls against its quota."""
INSPECTION_AND_BUILD = (
    "artifactregistry.dockerimages.get",
    "cloudbuild.builds.create",
    "iam.serviceAccounts.actAs",
    "storage.objects.create",
)
"""For inspecting and building the image."""
PAGE = "firebasehosting.sites.get"
"""For inspecting the demonstration page's site."""
MIGRATION = ("run.executions.get", "run.jobs.get", "run.jobs.run")
"""For the job that migrates the deployment's own store."""
_API = "https://cloudresourcemanager.googleapis.com"


def of_gcloud(runner: Runner, target: Target) -> str:
    """The account of gcloud may inspect and build."""
    needed = {*CALLS, *INSPECTION_AND_BUILD, *([PAGE] if target.page else ())}
    return _require(runner, target, google_api.GCLOUD, needed | {*(MIGRATION if target.managed else ())})


def of_the_program(runner: Runner, target: Target) -> str:
    """The application default credentials, with which the Pulumi program runs, may create every resource."""
    unused = (*(() if target.page else ("firebase/",)), *(("compute/",) if not target.managed else ()))
    kinds = [each for kind, each in CREATION.items() if not kind.startswith(unused)]
    needed = {*CALLS, *(permission for each in kinds for permission in each)}
    return _require(runner, target, google_api.APPLICATION_DEFAULT, needed)


def _require(runner: Runner, target: Target, login: str, needed: set[str]) -> str:
    url = f"{_API}/v1/projects/{target.project}:testIamPermissions"
    status, body = google_api.call(runner, target, login, url, {"permissions": sorted(needed)})
    if status != HTTPStatus.OK:
        raise Failure(f"{url} responds {status}")
    if absent := sorted(needed - set(body.get("permissions", []))):
        raise Failure(f"lacks {', '.join(absent)}")
    return f"all {len(needed)}"
