"""What is deployed where."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAM = "infra/gcp"
"""The folder of the Pulumi program."""
REGION = "us-central1"
"""Where a new stack goes by default."""


@dataclass(frozen=True, slots=True)
class Target:
    """A deployment: the project, and the names that it goes by there."""

    project: str
    region: str
    stack: str
    site: str | None
    """The Hosting site, if it is not the project's own."""
    env: Mapping[str, str]
    """Where the SURREALDB_ variables are, and the PATH of the tools."""
    store_elsewhere: bool = False
    """Whether the store cannot be reached from this machine."""
    kept: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The settings that the stack has, by key; empty for a new one."""
    trouble: str | None = None
    """Why the stack's settings could not be read."""
    move: bool = False
    """Whether it may go to another place than where the stack is."""

    @property
    def site_id(self) -> str:
        """The Hosting site."""
        return self.site or self.project

    def image(self, tag: str) -> str:
        """The full name of the realtime container's image."""
        return f"{self.region}-docker.pkg.dev/{self.project}/confab/realtime:{tag}"
