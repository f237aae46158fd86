"""Who runs what, and what each may do: a service account for every function and container."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi
from pulumi_gcp import cloudrunv2, projects, pubsub, secretmanager, serviceaccount

from confab.domain.cells import MAIN
from infra.gcp.credentials import Credential
from infra.gcp.project import Project

EVERYBODY = "allUsers"
ROLES = {
    "confabTokenVerifier": ("Confab: see whether a user is revoked", ("firebaseauth.users.get",)),
    "confabSubscriptions": (
        "Confab: manage the subscriptions of containers",
        (
            "pubsub.subscriptions.consume",
            "pubsub.subscriptions.create",
            "pubsub.subscriptions.delete",
            "pubsub.subscriptions.list",
            "pubsub.subscriptions.update",
        ),
    ),
}
"""Roles of our own, where Google's give more than is needed."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A service account and what it was granted."""

    name: str
    account: serviceaccount.Account
    grants: list[pulumi.Resource] = field(default_factory=list)
    """What must be in place before something runs as this account."""

    @property
    def member(self) -> pulumi.Output[str]:
        """The account as policies write it."""
        return self.account.email.apply(lambda email: f"serviceAccount:{email}")


class Grants:
    """Gives identities their permissions, each on the smallest thing that it can be given on."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._roles = {
            role_id: projects.IAMCustomRole(
                role_id,
                projects.IAMCustomRoleArgs(
                    project=project.id, role_id=role_id, title=title, permissions=permissions
                ),
                project.ready,
            )
            for role_id, (title, permissions) in ROLES.items()
        }

    def identity(self, name: str, purpose: str) -> Identity:
        """A new service account that may do nothing."""
        account = serviceaccount.Account(
            name,
            serviceaccount.AccountArgs(project=self._project.id, account_id=name, display_name=purpose),
            self._project.ready,
        )
        return Identity(name, account)

    def verify_tokens(self, identity: Identity) -> None:
        """Look up whether a user is disabled or revoked."""
        self._in_project(identity, "confabTokenVerifier", self._roles["confabTokenVerifier"].name)

    def manage_subscriptions(self, identity: Identity, topic: pubsub.Topic) -> None:
        """Make subscriptions to the topic, read, renew and delete them.

        Their names are not known in advance, so all but the attachment is granted in the project.
        """
        self._in_project(identity, "confabSubscriptions", self._roles["confabSubscriptions"].name)
        self._on_topic(identity, "subscriber", topic, "roles/pubsub.subscriber")

    def publish(self, identity: Identity, topics: Mapping[str, pubsub.Topic]) -> None:
        """Publish on the topics of these cells."""
        for cell, topic in topics.items():
            label = "publisher" if cell == MAIN else f"publisher-{cell}"
            self._on_topic(identity, label, topic, "roles/pubsub.publisher")

    def read_secrets(self, identity: Identity, credentials: Mapping[str, Credential]) -> None:
        """Read these secrets."""
        identity.grants.extend(
            secretmanager.SecretIamMember(
                f"{identity.name}-{variable}",
                secretmanager.SecretIamMemberArgs(
                    project=self._project.id,
                    secret_id=credential.secret.secret_id,
                    role="roles/secretmanager.secretAccessor",
                    member=identity.member,
                ),
            )
            for variable, credential in credentials.items()
        )

    def in_project(self, identity: Identity, role: str, condition: str | None = None) -> None:
        """One of Google's roles in the project, under a condition if there is one."""
        self._in_project(identity, role.rpartition("/")[2], role, condition)

    def _in_project(
        self, identity: Identity, label: str, role: pulumi.Input[str], condition: str | None = None
    ) -> None:
        identity.grants.append(
            projects.IAMMember(
                f"{identity.name}-{label}",
                projects.IAMMemberArgs(
                    project=self._project.id,
                    role=role,
                    member=identity.member,
                    condition=None
                    if condition is None
                    else projects.IAMMemberConditionArgs(title=label, expression=condition),
                ),
            )
        )

    def _on_topic(self, identity: Identity, label: str, topic: pubsub.Topic, role: str) -> None:
        identity.grants.append(
            pubsub.TopicIAMMember(
                f"{identity.name}-{label}",
                pubsub.TopicIAMMemberArgs(
                    project=self._project.id, topic=topic.name, role=role, member=identity.member
                ),
            )
        )


def allow_calls(
    project: Project, name: str, service: pulumi.Input[str], who: str, member: pulumi.Input[str]
) -> None:
    """Let a member call a Cloud Run service; `who` tells the grants of one service apart."""
    cloudrunv2.ServiceIamMember(
        f"{name}-{who}",
        cloudrunv2.ServiceIamMemberArgs(
            project=project.id,
            location=project.region,
            name=service,
            role="roles/run.invoker",
            member=member,
        ),
    )
