"""What the project needs before anything of ours can be made in it."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_gcp import artifactregistry, organizations, projects

from infra.gcp.settings import Settings

APIS = (
    "artifactregistry",
    "cloudbuild",
    "cloudfunctions",
    "cloudresourcemanager",
    "firebase",
    "firebasehosting",
    "iam",
    "identitytoolkit",
    "logging",
    "monitoring",
    "pubsub",
    "run",
    "secretmanager",
    "storage",
)
REPOSITORY = "confab"
REALTIME = "realtime"
"""The package of the container's images; the others are those of the functions and their builds."""
KEPT_IMAGES = 10
"""So many releases back the container's image need not be built again."""
KEPT_OF_THE_REST = 2
"""A function's image is made anew whenever the function is."""
OLD = "604800s"


@dataclass(frozen=True, slots=True)
class Project:
    """The project, ready to be built in."""

    id: str
    number: str
    region: str
    apis: Sequence[projects.Service]
    repository: artifactregistry.Repository
    """The images of the functions and of the container."""

    @property
    def ready(self) -> pulumi.ResourceOptions:
        """For whatever needs an API of the project."""
        return pulumi.ResourceOptions(depends_on=list(self.apis))


def number_of(project: str) -> str:
    """The project's number, which Google puts into addresses."""
    return organizations.get_project(project_id=project).number


def make_project(settings: Settings, number: str) -> Project:
    """Enable the APIs, and make the repository of images."""
    apis = [
        projects.Service(
            name,
            projects.ServiceArgs(
                project=settings.project,
                service=f"{name}.googleapis.com",
                disable_on_destroy=False,  # something else in the project may use it
            ),
        )
        for name in APIS
    ]
    repository = artifactregistry.Repository(
        "images",
        artifactregistry.RepositoryArgs(
            project=settings.project,
            location=settings.region,
            repository_id=REPOSITORY,
            format="DOCKER",
            cleanup_policies=[
                _keep("recent", KEPT_OF_THE_REST),
                _keep("releases", KEPT_IMAGES, REALTIME),
                artifactregistry.RepositoryCleanupPolicyArgs(
                    id="old",
                    action="DELETE",
                    condition=artifactregistry.RepositoryCleanupPolicyConditionArgs(older_than=OLD),
                ),
            ],
        ),
        pulumi.ResourceOptions(depends_on=apis),
    )
    return Project(settings.project, number, settings.region, apis, repository)


def _keep(
    policy: str, count: int, package: str | None = None
) -> artifactregistry.RepositoryCleanupPolicyArgs:
    """Keep the newest versions of every package, or of those whose names begin like that."""
    return artifactregistry.RepositoryCleanupPolicyArgs(
        id=policy,
        action="KEEP",
        most_recent_versions=artifactregistry.RepositoryCleanupPolicyMostRecentVersionsArgs(
            keep_count=count, package_name_prefixes=None if package is None else [package]
        ),
    )
