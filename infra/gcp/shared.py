"""The inputs that functions and containers share: topics, credentials and variables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pulumi
from pulumi_gcp import pubsub, secretmanager

from confab.domain.cells import topic_of
from infra.gcp.identities import Grants, Identity
from infra.gcp.names import PREFIX
from infra.gcp.network import Network
from infra.gcp.project import Project
from infra.gcp.settings import CREDENTIALS


class Credential(NamedTuple):
    """A secret and its current version, which processes name: a new value makes new revisions."""

    secret: secretmanager.Secret
    version: secretmanager.SecretVersion


@dataclass(frozen=True, slots=True)
class Shared:
    """The inputs of every function and container."""

    project: Project
    grants: Grants
    topics: Mapping[str, pubsub.Topic]
    """By cell."""
    credentials: Mapping[str, Credential]
    """By variable."""
    variables: Mapping[str, str]
    network: Network | None
    """The store's, unless the store is elsewhere."""

    def identity(self, name: str, purpose: str) -> Identity:
        """Make the account of a function or container, which reads the credentials."""
        identity = self.grants.identity(name, purpose)
        for variable, credential in self.credentials.items():
            self.grants.read_secret(identity, variable, credential.secret)
        return identity

    def container_envs(self, **more: str) -> list[Any]:
        """Return the variables and credentials of a container of a service or job."""
        return [
            *({"name": name, "value": value} for name, value in {**self.variables, **more}.items()),
            *(
                {
                    "name": name,
                    "value_source": {
                        "secret_key_ref": {"secret": secret.secret_id, "version": version.version}
                    },
                }
                for name, (secret, version) in self.credentials.items()
            ),
        ]


def make_shared(
    project: Project, cells: Sequence[str], variables: Mapping[str, str], network: Network | None
) -> Shared:
    """Make a topic for each cell and a secret for each credential that has a value in the stack."""
    config = pulumi.Config("confab")
    values = {variable: config.get_secret(key) for variable, key in CREDENTIALS.items()}
    return Shared(
        project=project,
        grants=Grants(project),
        topics={cell: _make_topic(project, topic_of(cell)) for cell in cells},
        credentials={
            variable: make_credential(project, variable.lower().replace("_", "-"), value)
            for variable, value in values.items()
            if value is not None
        },
        variables=variables,
        network=network,
    )


def _make_topic(project: Project, name: str) -> pubsub.Topic:
    return pubsub.Topic(
        name,
        project=project.id,
        name=name,
        message_storage_policy={"allowed_persistence_regions": [project.region]},
        opts=project.ready,
    )


def make_credential(project: Project, name: str, value: pulumi.Output[str]) -> Credential:
    """Make a secret with this value."""
    name = PREFIX + name
    secret = secretmanager.Secret(
        name,
        project=project.id,
        secret_id=name,
        replication={"user_managed": {"replicas": [{"location": project.region}]}},
        opts=project.ready,
    )
    version = secretmanager.SecretVersion(
        name,
        secret=secret.id,
        secret_data=value,
        deletion_policy="ABANDON",  # a rollback restarts older revisions, which name it
    )
    return Credential(secret, version)
