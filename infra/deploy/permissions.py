"""Probes an account's permissions in the project, with Resource Manager's testIamPermissions."""

from http import HTTPStatus

from infra.deploy import google_api
from infra.deploy.runner import Runner
from infra.deploy.target import Target
from infra.gcp.listing import RESOURCES
from infra.probes.probe import Failure

CREATION = {kind: each["create"] for kind, each in RESOURCES.items()}
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
    elsewhere = ("billing/",)  # on the billing account, not in the project
    unused = (
        *elsewhere,
        *(() if target.page else ("firebase/",)),
        *(() if target.managed else ("compute/",)),
    )
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
