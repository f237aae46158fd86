"""The project: its APIs, the repository of images and the demonstration page's Hosting site."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_gcp import artifactregistry, firebase, projects

from infra.gcp.settings import Settings

APIS = (
    "artifactregistry",
    "cloudbuild",
    "cloudfunctions",
    "cloudresourcemanager",
    "iam",
    "identitytoolkit",
    "logging",
    "monitoring",
    "pubsub",
    "run",
    "secretmanager",
    "storage",
)
"""The APIs of every deployment."""
PAGE_APIS = ("firebase", "firebasehosting")
"""The APIs of the demonstration page's site."""
BUDGET_APIS = ("billingbudgets",)
REPOSITORY = "confab"
"""The images of the functions and their builds, which move a tag at each build."""
RELEASES = "confab-realtime"
"""The images of the container. A tag stays on its image for good, so nothing deletes one either."""
KEPT_IMAGES = 2
"""Every release of a function builds its image again."""
OLD = "604800s"


@dataclass(frozen=True, slots=True)
class Project:
    """A project with its APIs enabled."""

    id: str
    number: str
    """Part of the names of buckets and of Cloud Run's addresses."""
    region: str
    apis: Sequence[projects.Service]
    repository: artifactregistry.Repository
    """The images of the functions."""
    releases: artifactregistry.Repository
    """The images of the container."""

    @property
    def ready(self) -> pulumi.ResourceOptions:
        """The options of a resource that needs an API of the project."""
        return pulumi.ResourceOptions(depends_on=list(self.apis))


def make_project(settings: Settings, number: str) -> Project:
    """Enable the APIs and make the repositories of images."""
    apis = [enable(settings.project, name) for name in apis_of(settings)]
    repository = artifactregistry.Repository(
        "images",
        project=settings.project,
        location=settings.region,
        repository_id=REPOSITORY,
        format="DOCKER",
        cleanup_policies=[
            {"id": "recent", "action": "KEEP", "most_recent_versions": {"keep_count": KEPT_IMAGES}},
            {"id": "old", "action": "DELETE", "condition": {"older_than": OLD}},
        ],
        opts=pulumi.ResourceOptions(depends_on=apis),
    )
    releases = artifactregistry.Repository(
        "releases",
        project=settings.project,
        location=settings.region,
        repository_id=RELEASES,
        format="DOCKER",
        docker_config={"immutable_tags": True},
        opts=pulumi.ResourceOptions(depends_on=apis),
    )
    return Project(settings.project, number, settings.region, apis, repository, releases)


def apis_of(settings: Settings) -> Sequence[str]:
    """Return the APIs that a deployment with these settings enables first."""
    return (*APIS, *(PAGE_APIS if settings.page else ()), *(BUDGET_APIS if settings.budget else ()))


def enable(project_id: str, name: str) -> projects.Service:
    """Enable an API."""
    return projects.Service(
        name,
        project=project_id,
        service=f"{name}.googleapis.com",
        disable_on_destroy=False,  # other apps of the project may use it
    )


def make_site(project: Project, site_id: str) -> firebase.HostingSite:
    """Make the project a Firebase project, which nothing undoes, and give it the page's Hosting site.

    The program adopts an existing site, and deletes none, because another app may have made it.
    """
    added = firebase.Project("firebase", project=project.id, opts=project.ready)
    return firebase.HostingSite(
        "site",
        project=project.id,
        site_id=site_id,
        deletion_policy="ABANDON",
        opts=pulumi.ResourceOptions(depends_on=[added]),
    )
