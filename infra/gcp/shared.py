"""The inputs that functions and containers share: topics, credentials and variables."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import pulumi
from pulumi_gcp import pubsub, secretmanager

from confab.domain.cells import topic_of
from confab.store.users import Role, name_of
from infra.gcp.identities import Grants, Identity
from infra.gcp.names import PREFIX
from infra.gcp.network import Network
from infra.gcp.project import Project
from infra.gcp.settings import OPTIONAL, PASSWORDS, Settings


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
    users: str
    """What the names of the database's users begin with."""
    passwords: Mapping[Role, Credential]
    """Of the database's users; a process reads its own."""
    credentials: Mapping[str, Credential]
    """By variable, for every process."""
    variables: Mapping[str, str]
    network: Network | None
    """The store's, unless the store is elsewhere."""

    def identity(self, name: str, purpose: str, role: Role) -> Identity:
        """Make the account of a process, which reads the credentials of the store's user of this role."""
        identity = self.grants.identity(name, purpose)
        for variable, credential in self.credentials_of(role).items():
            self.grants.read_secret(identity, variable, credential.secret)
        return identity

    def variables_of(self, role: Role) -> Mapping[str, str]:
        """Return the variables of a process that signs in to the store with this role."""
        return {**self.variables, "SURREALDB_USER": name_of(self.users, role)}

    def credentials_of(self, role: Role) -> Mapping[str, Credential]:
        """Return the credentials of a process that signs in to the store with this role, by variable."""
        return {"SURREALDB_PASSWORD": self.passwords[role], **self.credentials}

    def container_envs(self, role: Role, **more: str) -> list[Any]:
        """Return the variables and credentials of a container of a service or job."""
        return [
            *({"name": name, "value": value} for name, value in {**self.variables_of(role), **more}.items()),
            *(
                {
                    "name": name,
                    "value_source": {
                        "secret_key_ref": {"secret": secret.secret_id, "version": version.version}
                    },
                }
                for name, (secret, version) in self.credentials_of(role).items()
            ),
        ]


def secret_of(variable: str) -> str:
    """Return the name of the secret with this variable."""
    return variable.lower().replace("_", "-")


def password_of(role: Role) -> str:
    """Return the name of the secret with the password of the store's user of this role."""
    return f"surrealdb-{role}-password"


def make_shared(
    project: Project, settings: Settings, variables: Mapping[str, str], network: Network | None
) -> Shared:
    """Make a topic for each cell and a secret for each credential that has a value in the stack."""
    config = pulumi.Config("confab")
    values = {variable: config.get_secret(key) for variable, key in OPTIONAL.items()}
    return Shared(
        project=project,
        grants=Grants(project),
        topics={cell.name: _make_topic(project, topic_of(cell.name)) for cell in settings.cells},
        users=settings.store_users,
        passwords={
            role: make_credential(project, password_of(role), config.require_secret(key))
            for role, key in PASSWORDS.items()
        },
        credentials={
            variable: make_credential(project, secret_of(variable), value)
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
