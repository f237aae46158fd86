"""Service accounts and their permissions: one account for each function and container."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi
from pulumi_gcp import artifactregistry, cloudrunv2, projects, pubsub, secretmanager, serviceaccount

from confab.domain.cells import MAIN
from infra.gcp.project import Project

ROLES = {
    "confabTokenVerifier": ("Confab: see whether a user is revoked", ("firebaseauth.users.get",)),
    "confabSubscriptions": (
        "Confab: manage the subscriptions of containers",
        tuple(f"pubsub.subscriptions.{verb}" for verb in ("consume", "create", "delete", "list", "update")),
    ),
}
"""Custom roles, where Google's grant more than a process needs."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A service account and its grants."""

    name: str
    account: serviceaccount.Account
    grants: list[pulumi.Resource] = field(default_factory=list)
    """A process that runs as this account depends on them."""

    @property
    def member(self) -> pulumi.Output[str]:
        """The account as IAM policies name it."""
        return self.account.email.apply(lambda email: f"serviceAccount:{email}")


class Grants:
    """Gives identities their permissions, each on the smallest resource that takes it."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._roles = {
            role_id: projects.IAMCustomRole(
                role_id,
                project=project.id,
                role_id=role_id,
                title=title,
                permissions=permissions,
                opts=project.ready,
            )
            for role_id, (title, permissions) in ROLES.items()
        }

    def identity(self, name: str, purpose: str) -> Identity:
        """Make a service account without permissions."""
        account = serviceaccount.Account(
            name, project=self._project.id, account_id=name, display_name=purpose, opts=self._project.ready
        )
        return Identity(name, account)

    def read_secret(self, identity: Identity, label: str, secret: secretmanager.Secret) -> None:
        """Allow to read a secret."""
        identity.grants.append(
            secretmanager.SecretIamMember(
                f"{identity.name}-{label}",
                project=self._project.id,
                secret_id=secret.secret_id,
                role="roles/secretmanager.secretAccessor",
                member=identity.member,
            )
        )

    def on_images(
        self, identity: Identity, repository: artifactregistry.Repository, role: str, label: str = "images"
    ) -> None:
        """Grant a role of Artifact Registry on a repository."""
        identity.grants.append(
            artifactregistry.RepositoryIamMember(
                f"{identity.name}-{label}",
                project=self._project.id,
                location=self._project.region,
                repository=repository.repository_id,
                role=f"roles/artifactregistry.{role}",
                member=identity.member,
            )
        )

    def verify_tokens(self, identity: Identity) -> None:
        """Allow to see whether a user is revoked."""
        self.in_project(identity, "confabTokenVerifier")

    def manage_subscriptions(self, identity: Identity, topic: pubsub.Topic) -> None:
        """Allow to create subscriptions of the topic, and to read, renew and delete them.

        Their names are not known in advance, so only the attachment is limited to the topic.
        """
        self.in_project(identity, "confabSubscriptions")
        self._on_topic(identity, "subscriber", topic, "roles/pubsub.subscriber")

    def publish(self, identity: Identity, topics: Mapping[str, pubsub.Topic]) -> None:
        """Allow to publish on the topics of these cells."""
        for cell, topic in topics.items():
            label = "publisher" if cell == MAIN else f"publisher-{cell}"
            self._on_topic(identity, label, topic, "roles/pubsub.publisher")

    def in_project(self, identity: Identity, role: str, condition: str | None = None) -> None:
        """Grant a custom role or one of Google's in the project, under the condition if there is one."""
        label = role.rpartition("/")[2]
        identity.grants.append(
            projects.IAMMember(
                f"{identity.name}-{label}",
                project=self._project.id,
                role=self._roles[role].name if role in self._roles else role,
                member=identity.member,
                condition=None if condition is None else {"title": label, "expression": condition},
            )
        )

    def _on_topic(self, identity: Identity, label: str, topic: pubsub.Topic, role: str) -> None:
        identity.grants.append(
            pubsub.TopicIAMMember(
                f"{identity.name}-{label}",
                project=self._project.id,
                topic=topic.name,
                role=role,
                member=identity.member,
            )
        )


def let_invoke(
    project: Project, label: str, service: pulumi.Input[str], member: pulumi.Input[str] = "allUsers"
) -> cloudrunv2.ServiceIamMember:
    """Let an account invoke a Cloud Run service, by default everybody: its process then verifies tokens."""
    return cloudrunv2.ServiceIamMember(
        label,
        project=project.id,
        location=project.region,
        name=service,
        role="roles/run.invoker",
        member=member,
    )
