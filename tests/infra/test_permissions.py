"""Permissions: a service account for each function and container, with the fewest it needs."""

from confab.domain.cells import topic_of
from confab.http.routes import functions, rewrites
from infra.gcp.functions import WRITERS
from infra.gcp.names import realtime_of, service_of
from infra.gcp.settings import CREDENTIALS
from tests.infra.deployment import PROJECT_NUMBER, Deployment, Resource
from tests.infra.mutations import assert_rejected, change, drop, each_of, permit

GRANTS = ("IAMMember", "IAMBinding", "IamMember", "IamBinding", "IAMPolicy", "IamPolicy")
"""The suffixes of the types of resources that grant permissions."""
GRANTED = {
    "TopicIAMMember": {"roles/pubsub.publisher", "roles/pubsub.subscriber"},
    "SecretIamMember": {"roles/secretmanager.secretAccessor"},
    "ServiceIamMember": {"roles/run.invoker"},
    "RepositoryIamMember": {"roles/artifactregistry.writer"},
    "IAMMember": {
        "confabTokenVerifier",
        "confabSubscriptions",
        "roles/storage.objectViewer",
        "roles/logging.logWriter",
    },
}
"""The roles of the program, by the type of the grant."""
PERMISSIONS = {
    "confabTokenVerifier": {"firebaseauth.users.get"},
    "confabSubscriptions": {
        f"pubsub.subscriptions.{verb}" for verb in ("consume", "create", "delete", "list", "update")
    },
}
SOURCES = (
    f'resource.name.startsWith("projects/_/buckets/confab-source-{PROJECT_NUMBER}")'
    f' || resource.name.startsWith("projects/_/buckets/gcf-v2-sources-{PROJECT_NUMBER}-{{}}")'
)
"""The condition on the builder's reads, in a region."""
BUILD = "confab-build"
PUBLISHER, SUBSCRIBER, INVOKER = "roles/pubsub.publisher", "roles/pubsub.subscriber", "roles/run.invoker"
ACCESSOR, WRITES_IMAGES = "roles/secretmanager.secretAccessor", "roles/artifactregistry.writer"
SUBSCRIPTIONS = "projects/my-project/roles/confabSubscriptions"


def grants(stack: Deployment) -> list[Resource]:
    return [resource for resource in stack.resources if resource.type.endswith(GRANTS)]


def processes(stack: Deployment) -> set[str]:
    return {service_of(name) for name in functions()} | {realtime_of(cell) for cell in stack.cells}


def who(stack: Deployment, grant: Resource) -> str:
    """Return a grant's service account by its id, or any other member as in the policy."""
    member = str(grant.inputs.get("member"))
    suffix = f"@{stack.project}.iam.gserviceaccount.com"
    return member.removeprefix("serviceAccount:").removesuffix(suffix) if member.endswith(suffix) else member


def holders(stack: Deployment, kind: str, role: str) -> set[str]:
    """Return the members with a role, which may be a custom one by its id."""
    return {who(stack, grant) for grant in stack.all(kind) if grant.inputs["role"].endswith(role)}


def on_topics(stack: Deployment, role: str) -> set[tuple[str, str]]:
    """Return the members with a role and the topic that they have it on."""
    members = [grant for grant in stack.all("TopicIAMMember") if grant.inputs["role"] == role]
    return {(who(stack, grant), grant.inputs["topic"]) for grant in members}


def test_only_known_roles_are_granted(stack):
    for grant in grants(stack):
        role = str(grant.inputs.get("role")).removeprefix(f"projects/{stack.project}/roles/")
        assert role in GRANTED.get(grant.type, set()), grant.name
    for own in stack.all("IAMCustomRole"):
        assert set(own.inputs["permissions"]) == PERMISSIONS[own.inputs["roleId"]]


def test_every_process_has_an_account_of_its_own(stack):
    accounts = {account.inputs["accountId"] for account in stack.all("Account")}
    assert accounts == processes(stack) | {BUILD}
    for function in stack.all("Function"):
        assert function.inputs["serviceConfig"]["serviceAccountEmail"].startswith(f"{function.name}@")
    for service in stack.containers():
        assert service.inputs["template"]["serviceAccount"].startswith(f"{service.name}@")


def test_only_announcing_functions_and_containers_publish_to_every_cell(stack):
    writers = {service_of(name) for name in WRITERS} | {realtime_of(cell) for cell in stack.cells}
    assert on_topics(stack, PUBLISHER) == {(each, topic_of(cell)) for each in writers for cell in stack.cells}


def test_only_containers_manage_subscriptions_and_attach_to_their_own_cell(stack):
    own = {(realtime_of(cell), topic_of(cell)) for cell in stack.cells}
    assert on_topics(stack, SUBSCRIBER) == own
    assert holders(stack, "IAMMember", "confabSubscriptions") == {container for container, _ in own}


def test_only_processes_read_credentials_and_users(stack):
    for secret in stack.all("Secret"):
        granted = stack.all("SecretIamMember")
        readers = {
            who(stack, grant) for grant in granted if grant.inputs["secretId"] == secret.inputs["secretId"]
        }
        assert readers == processes(stack), secret.name
    assert holders(stack, "IAMMember", "confabTokenVerifier") == processes(stack)


def test_only_the_builder_reads_sources_and_writes_images_and_logs(stack):
    assert holders(stack, "IAMMember", "storage.objectViewer") == {BUILD}
    assert holders(stack, "IAMMember", "logging.logWriter") == {BUILD}
    assert holders(stack, "RepositoryIamMember", WRITES_IMAGES) == {BUILD}
    for grant in stack.all("IAMMember"):
        if grant.inputs["role"] == "roles/storage.objectViewer":
            assert (grant.inputs.get("condition") or {}).get("expression") == SOURCES.format(stack.region)


def test_only_entry_points_are_public(stack):
    callers = {(grant.inputs["name"], who(stack, grant)) for grant in stack.all("ServiceIamMember")}
    entries = {service_of(name) for _, name in rewrites()} | {realtime_of(cell) for cell in stack.cells}
    assert callers == {(entry, "allUsers") for entry in entries}
    for grant in grants(stack):
        assert grant.type == "ServiceIamMember" or not who(stack, grant).startswith("all"), grant.name
    for bucket in stack.all("Bucket"):
        assert bucket.inputs.get("publicAccessPrevention") == "enforced"


def test_secrets_are_in_secret_manager_and_nowhere_else(stack):
    versions = stack.all("SecretVersion")
    held = [each.inputs["secretData"] for each in versions]
    assert sorted(each["secret"] for each in held if isinstance(each, dict)) == sorted(stack.secrets.values())
    assert all(each.inputs.get("deletionPolicy") == "ABANDON" for each in versions)  # older revisions read it
    elsewhere = [each.inputs for each in stack.resources if each.type != "SecretVersion"]
    assert not any(value in str([*elsewhere, stack.outputs]) for value in stack.secrets.values())


def test_every_process_reads_its_credentials_from_a_version(stack):
    wanted = {variable for variable, key in CREDENTIALS.items() if f"confab:{key}" in stack.secrets}
    for function in stack.all("Function"):
        read = function.inputs["serviceConfig"]["secretEnvironmentVariables"]
        assert {each["key"] for each in read if each["version"]} == wanted, function.name
    for service in stack.containers():
        envs = service.inputs["template"]["containers"][0]["envs"]
        sources = {each["name"]: each["valueSource"] for each in envs if "valueSource" in each}
        assert sources.keys() == wanted, service.name
        assert all(source["secretKeyRef"]["version"] for source in sources.values())


READER, WRITER, CELL = "confab-get-conversation", "confab-add-message", "confab-realtime-b"
FUNCTION, SERVICE = f"Function/{READER}", f"Service/{CELL}"
CREATE, LIST, EVENTS = "confab-create-conversation", "confab-list-conversations", "confab-events"
EMAIL = "serviceConfig.serviceAccountEmail"
DEFAULT_ACCOUNT = "123456789012-compute@developer.gserviceaccount.com"
VIEWER, VERSION = "IAMMember/confab-build-storage.objectViewer", "SecretVersion/confab-surrealdb-user"
PASSWORD = "serviceConfig.environmentVariables.SURREALDB_PASSWORD"

MUTATIONS = {
    test_only_known_roles_are_granted: {
        "an editor": permit("IAMMember", "roles/editor", READER),
        "owners": permit("IAMBinding", "roles/owner", READER),
        "a policy": permit("TopicIAMPolicy", PUBLISHER, WRITER),
        "a wider role": change(f"TopicIAMMember/{WRITER}-publisher", "role", "roles/pubsub.admin"),
        "a publisher on every topic": permit("IAMMember", PUBLISHER, WRITER),
        "an extra permission": change(
            "IAMCustomRole/confabSubscriptions", "permissions", ["pubsub.topics.delete"]
        ),
    },
    test_every_process_has_an_account_of_its_own: {
        "a shared account": change(FUNCTION, EMAIL, f"{WRITER}@my-project.iam.gserviceaccount.com"),
        "the default account": change(SERVICE, "template.serviceAccount", DEFAULT_ACCOUNT),
        "no account": drop(f"Account/{CELL}"),
    },
    test_only_announcing_functions_and_containers_publish_to_every_cell: {
        "a reader that publishes": permit("TopicIAMMember", PUBLISHER, READER, topic=EVENTS),
        "a dispatcher that publishes": permit(
            "TopicIAMMember", PUBLISHER, "confab-conversations", topic=EVENTS
        ),
        "a writer without permission": drop(f"TopicIAMMember/{WRITER}-publisher"),
        "another topic": change(f"TopicIAMMember/{WRITER}-publisher", "topic", "other"),
        "a writer without permission for a cell": drop(f"TopicIAMMember/{WRITER}-publisher-b"),
        "a container without permission for a cell": drop(f"TopicIAMMember/{CELL}-publisher"),
    },
    test_only_containers_manage_subscriptions_and_attach_to_their_own_cell: {
        "a function that makes subscriptions": permit("IAMMember", SUBSCRIPTIONS, WRITER),
        "a function that attaches": permit("TopicIAMMember", SUBSCRIBER, WRITER, topic=EVENTS),
        "a container that cannot create them": drop(f"IAMMember/{CELL}-confabSubscriptions"),
        "a container that cannot attach": drop(f"TopicIAMMember/{CELL}-subscriber"),
        "a container of another cell": permit("TopicIAMMember", SUBSCRIBER, CELL, topic=EVENTS),
        "a container of another cell only": change(
            f"TopicIAMMember/{CELL}-subscriber", "topic", "confab-events-c"
        ),
    },
    test_only_processes_read_credentials_and_users: {
        "a builder that reads the password": permit(
            "SecretIamMember", ACCESSOR, BUILD, secretId="confab-surrealdb-password"
        ),
        "a function without the password": drop(f"SecretIamMember/{READER}-SURREALDB_PASSWORD"),
        "a function that cannot look up users": drop(f"IAMMember/{READER}-confabTokenVerifier"),
    },
    test_only_the_builder_reads_sources_and_writes_images_and_logs: {
        "a function that pushes images": permit("RepositoryIamMember", WRITES_IMAGES, READER),
        "a builder that reads every bucket": change(VIEWER, "condition", None),
        "a condition that is always true": change(VIEWER, "condition.expression", "true"),
    },
    test_only_entry_points_are_public: {
        "a public operation": permit("ServiceIamMember", INVOKER, "allUsers", name=CREATE),
        "any Google account": permit("ServiceIamMember", INVOKER, "allAuthenticatedUsers", name=LIST),
        "a function that calls another": permit("ServiceIamMember", INVOKER, READER, name=LIST),
        "a private entry point": drop(f"ServiceIamMember/{READER}-everybody"),
        "a private container": drop(f"ServiceIamMember/{CELL}-everybody"),
        "a public topic": permit("TopicIAMMember", SUBSCRIBER, "allUsers", topic=EVENTS),
        "a bucket that may be public": change("Bucket/source", "publicAccessPrevention", "inherited"),
    },
    test_secrets_are_in_secret_manager_and_nowhere_else: {
        "plain text": change(VERSION, "secretData", "the-user-7c1"),
        "a version that is deleted": change(VERSION, "deletionPolicy", "DELETE"),
        "a missing version": drop(VERSION),
        "a password among the variables": change(FUNCTION, PASSWORD, "the-password-e09"),
    },
    test_every_process_reads_its_credentials_from_a_version: {
        "a function without credentials": change(FUNCTION, "serviceConfig.secretEnvironmentVariables", []),
        "a container without credentials": change(SERVICE, "template.containers.0.envs", []),
    },
}


@each_of(MUTATIONS)
def test_mutations_of_permissions_are_rejected(check, mutate):
    assert_rejected(check, mutate)
