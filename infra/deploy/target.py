"""The target of a deployment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAM = "infra/gcp"
"""The folder of the Pulumi program."""
MANAGED = "managed"
REGION = "us-central1"
"""The default region of a new stack."""
LONGEST_SITE = 30
PAGE_SUFFIX = "-confab"


@dataclass(frozen=True, slots=True)
class Target:
    """A project, and the names of the deployment in it."""

    project: str
    region: str
    stack: str
    site: str | None
    """The app's Hosting site, if it is not the project's own. No deployment changes it."""
    env: Mapping[str, str]
    """Holds the SURREALDB_ variables, and the PATH of the tools."""
    store_elsewhere: bool = False
    """Whether this machine cannot reach the store."""
    kept: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The settings that the stack has, by key; empty for a new one."""
    trouble: str | None = None
    """The error, if the stack's settings cannot be read."""
    move: bool = False
    """Whether region, sites and store may differ from the stack's."""
    page: str | None = None
    """The Hosting site of the demonstration page, if that is released."""
    more: Mapping[str, str] = field(default_factory=dict)
    """Further settings of the stack, by key."""
    origins: Sequence[str] = ()
    """Origins that may call besides the sites', such as the app's own domains."""

    @property
    def managed(self) -> bool:
        """Whether the store is a machine that the deployment makes, and no address of the operator's."""
        return not self.env.get("SURREALDB_URL")

    @property
    def site_id(self) -> str:
        """The app's Hosting site."""
        return self.site or self.project

    @property
    def images(self) -> str:
        """The full name of the realtime container's images, without a tag or a digest."""
        return f"{self.region}-docker.pkg.dev/{self.project}/confab-realtime/realtime"


def page_of(project: str) -> str:
    """The default name of the demonstration page's site, which is never that of a project's own site."""
    return project[: LONGEST_SITE - len(PAGE_SUFFIX)].rstrip("-") + PAGE_SUFFIX
