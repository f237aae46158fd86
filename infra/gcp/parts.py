"""What functions and containers are made from."""

from collections.abc import Mapping
from dataclasses import dataclass

from pulumi_gcp import pubsub

from infra.gcp.credentials import Credential
from infra.gcp.identities import Grants
from infra.gcp.project import Project


@dataclass(frozen=True, slots=True)
class Parts:
    """The same for every one of them."""

    project: Project
    grants: Grants
    topics: Mapping[str, pubsub.Topic]
    """By cell."""
    credentials: Mapping[str, Credential]
    """By variable."""
    variables: Mapping[str, str]
