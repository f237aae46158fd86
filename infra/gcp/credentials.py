"""The store's credentials in Secret Manager."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_gcp import secretmanager

from infra.gcp.names import PREFIX
from infra.gcp.project import Project
from infra.gcp.variables import CREDENTIALS


@dataclass(frozen=True, slots=True)
class Credential:
    """A secret and the version of it that is in use.

    Processes name the version, so a new value makes new revisions that read it.
    """

    secret: secretmanager.Secret
    version: secretmanager.SecretVersion


def make_credentials(project: Project) -> Mapping[str, Credential]:
    """A secret for each variable that is one, holding the stack's value; none for one without a value."""
    config = pulumi.Config("confab")
    values = {variable: config.get_secret(key) for variable, key in CREDENTIALS.items()}
    return {
        variable: _make(project, PREFIX + variable.lower().replace("_", "-"), value)
        for variable, value in values.items()
        if value is not None
    }


def _make(project: Project, name: str, value: pulumi.Output[str]) -> Credential:
    secret = secretmanager.Secret(
        name,
        secretmanager.SecretArgs(
            project=project.id,
            secret_id=name,
            replication=secretmanager.SecretReplicationArgs(
                user_managed=secretmanager.SecretReplicationUserManagedArgs(
                    replicas=[secretmanager.SecretReplicationUserManagedReplicaArgs(location=project.region)]
                )
            ),
        ),
        project.ready,
    )
    version = secretmanager.SecretVersion(
        name,
        secretmanager.SecretVersionArgs(
            secret=secret.id,
            secret_data=value,
            deletion_policy="ABANDON",  # older revisions name it, and start again in a rollback
        ),
    )
    return Credential(secret, version)
