"""The target of a deployment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAM = "infra/gcp"
"""The folder of the Pulumi program."""
REGION = "us-central1"
"""The default region of a new stack."""


@dataclass(frozen=True, slots=True)
class Target:
    """A project, and the names of the deployment in it."""

    project: str
    region: str
    stack: str
    site: str | None
    """The Hosting site, if it is not the project's own."""
    env: Mapping[str, str]
    """Holds the SURREALDB_ variables, and the PATH of the tools."""
    store_elsewhere: bool = False
    """Whether this machine cannot reach the store."""
    kept: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The settings that the stack has, by key; empty for a new one."""
    trouble: str | None = None
    """The error, if the stack's settings cannot be read."""
    move: bool = False
    """Whether region, site and store may differ from the stack's."""

    @property
    def site_id(self) -> str:
        """The Hosting site."""
        return self.site or self.project

    def image(self, tag: str) -> str:
        """The full name of the realtime container's image."""
        return f"{self.region}-docker.pkg.dev/{self.project}/confab/realtime:{tag}"
