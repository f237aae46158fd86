"""Who may do what; and that a permission too many or too few is seen."""

import pytest

from tests.infra import permissions
from tests.infra.deployment import BASE, FULL, deployed
from tests.infra.mutations import change, drop, permit

READER, WRITER, CELL = "confab-get-conversation", "confab-add-message", "confab-realtime-b"
CREATE, LIST = "confab-create-conversation", "confab-list-conversations"
SUBSCRIPTIONS = "projects/my-project/roles/confabSubscriptions"
PUBLISHER, SUBSCRIBER, INVOKER = "roles/pubsub.publisher", "roles/pubsub.subscriber", "roles/run.invoker"
DEFAULT_ACCOUNT = "123456789012-compute@developer.gserviceaccount.com"

MUTATIONS = {
    permissions.only_known_roles_are_granted: {
        "an editor": permit("IAMMember", "roles/editor", READER),
        "owners": permit("IAMBinding", "roles/owner", READER),
        "a policy": permit("TopicIAMPolicy", PUBLISHER, WRITER),
        "a wider role on the topic": change(
            "TopicIAMMember", f"{WRITER}-publisher", "role", "roles/pubsub.admin"
        ),
        "a publisher on every topic": permit("IAMMember", PUBLISHER, WRITER),
        "a wider role of our own": change(
            "IAMCustomRole", "confabSubscriptions", "permissions", ["pubsub.topics.delete"]
        ),
    },
    permissions.everybody_has_an_account: {
        "a shared account": change(
            "Function",
            READER,
            "serviceConfig.serviceAccountEmail",
            f"{WRITER}@my-project.iam.gserviceaccount.com",
        ),
        "the default account": change("Service", CELL, "template.serviceAccount", DEFAULT_ACCOUNT),
        "no account": drop("Account", CELL),
    },
    permissions.only_writers_publish: {
        "a reader that publishes": permit("TopicIAMMember", PUBLISHER, READER, topic="confab-events"),
        "a dispatcher that publishes": permit(
            "TopicIAMMember", PUBLISHER, "confab-conversations", topic="confab-events"
        ),
        "a writer that may not": drop("TopicIAMMember", f"{WRITER}-publisher"),
        "another topic": change("TopicIAMMember", f"{WRITER}-publisher", "topic", "other"),
        "a writer that may not in a further cell": drop("TopicIAMMember", f"{WRITER}-publisher-b"),
        "a container that may not in another cell": drop("TopicIAMMember", f"{CELL}-publisher"),
    },
    permissions.only_containers_manage_subscriptions: {
        "a function that makes subscriptions": permit("IAMMember", SUBSCRIPTIONS, WRITER),
        "a function that attaches": permit("TopicIAMMember", SUBSCRIBER, WRITER, topic="confab-events"),
        "a container that may not make them": drop("IAMMember", f"{CELL}-confabSubscriptions"),
        "a container that may not attach": drop("TopicIAMMember", f"{CELL}-subscriber"),
        "a container that attaches to another cell": permit(
            "TopicIAMMember", SUBSCRIBER, CELL, topic="confab-events"
        ),
        "a container that attaches to another cell instead": change(
            "TopicIAMMember", f"{CELL}-subscriber", "topic", "confab-events-c"
        ),
    },
    permissions.only_processes_read_what_is_theirs: {
        "a builder that reads the password": permit(
            "SecretIamMember",
            "roles/secretmanager.secretAccessor",
            permissions.BUILD,
            secretId="confab-surrealdb-password",
        ),
        "a function without the password": drop("SecretIamMember", f"{READER}-SURREALDB_PASSWORD"),
        "a function that cannot look up users": drop("IAMMember", f"{READER}-confabTokenVerifier"),
        "a function that pushes images": permit(
            "RepositoryIamMember", "roles/artifactregistry.writer", READER
        ),
        "a builder of every bucket": change(
            "IAMMember", "confab-build-storage.objectViewer", "condition", None
        ),
        "a builder of every bucket, in other words": change(
            "IAMMember", "confab-build-storage.objectViewer", "condition.expression", "true"
        ),
    },
    permissions.only_entry_points_are_public: {
        "a public operation": permit("ServiceIamMember", INVOKER, "allUsers", name=CREATE),
        "any Google account": permit("ServiceIamMember", INVOKER, "allAuthenticatedUsers", name=LIST),
        "a function that calls another": permit("ServiceIamMember", INVOKER, READER, name=LIST),
        "a closed entry point": drop("ServiceIamMember", f"{READER}-everybody"),
        "a closed container": drop("ServiceIamMember", f"{CELL}-everybody"),
        "a public topic": permit("TopicIAMMember", SUBSCRIBER, "allUsers", topic="confab-events"),
        "a bucket that may be public": change("Bucket", "source", "publicAccessPrevention", "inherited"),
    },
    permissions.every_secret_is_a_secret: {
        "plain text": change("SecretVersion", "confab-surrealdb-user", "secretData", "the-user-7c1"),
        "a version that goes": change("SecretVersion", "confab-surrealdb-user", "deletionPolicy", "DELETE"),
        "a missing version": drop("SecretVersion", "confab-surrealdb-user"),
        "a password among the variables": change(
            "Function", READER, "serviceConfig.environmentVariables.SURREALDB_PASSWORD", "the-password-e09"
        ),
        "a function without credentials": change(
            "Function", READER, "serviceConfig.secretEnvironmentVariables", []
        ),
        "a container without credentials": change("Service", CELL, "template.containers.0.envs", []),
    },
}


@pytest.mark.parametrize("settings", [BASE, FULL], ids=["smallest", "full"])
@pytest.mark.parametrize("check", MUTATIONS, ids=lambda check: check.__name__)
def test_a_deployment_keeps_to(check, settings):
    assert list(check(deployed(settings))) == []


@pytest.mark.parametrize(
    ("check", "mutate"),
    [
        pytest.param(check, mutate, id=name)
        for check, mutations in MUTATIONS.items()
        for name, mutate in mutations.items()
    ],
)
def test_it_is_seen(check, mutate):
    made = deployed(FULL)
    mutate(made)
    assert list(check(made))
