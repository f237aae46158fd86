"""Who may do what: a service account for each function and container, each with the least it needs."""

from confab.domain.cells import topic_of
from confab.http.routes import functions, rewrites
from infra.gcp.functions import WRITERS
from infra.gcp.names import realtime_of, service_of
from infra.gcp.settings import CREDENTIALS
from tests.infra.collect import PROJECT_NUMBER
from tests.infra.deployment import Deployment, Resource
from tests.infra.mutations import assert_found, change, drop, found_by, permit

GRANTS = ("IAMMember", "IAMBinding", "IamMember", "IamBinding", "IAMPolicy", "IamPolicy")
"""The ends of the types of resources that give permissions."""
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
"""Everything that may be granted, by the type of the grant."""
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
"""What the builder may read, in a region."""
BUILD = "confab-build"
PUBLISHER, SUBSCRIBER, INVOKER = "roles/pubsub.publisher", "roles/pubsub.subscriber", "roles/run.invoker"
ACCESSOR, WRITES_IMAGES = "roles/secretmanager.secretAccessor", "roles/artifactregistry.writer"
SUBSCRIPTIONS = "projects/my-project/roles/confabSubscriptions"


def grants(made: Deployment) -> list[Resource]:
    """Every resource that gives a permission."""
    return [resource for resource in made.resources if resource.type.endswith(GRANTS)]


def processes(made: Deployment) -> set[str]:
    """Every service that runs our code."""
    return {service_of(name) for name in functions()} | {realtime_of(cell) for cell in made.cells}


def who(made: Deployment, grant: Resource) -> str:
    """The service account that a grant is for, by its id; anybody else as the policy has it."""
    member = str(grant.inputs.get("member"))
    suffix = f"@{made.project}.iam.gserviceaccount.com"
    return member.removeprefix("serviceAccount:").removesuffix(suffix) if member.endswith(suffix) else member


def holders(made: Deployment, kind: str, role: str) -> set[str]:
    """Who was granted a role, or one of our own by its id."""
    return {who(made, grant) for grant in made.all(kind) if grant.inputs["role"].endswith(role)}


def on_topics(made: Deployment, role: str) -> set[tuple[str, str]]:
    """Who was granted a role on which topic."""
    members = [grant for grant in made.all("TopicIAMMember") if grant.inputs["role"] == role]
    return {(who(made, grant), grant.inputs["topic"]) for grant in members}


def test_only_known_roles_are_granted(made):
    for grant in grants(made):
        role = str(grant.inputs.get("role")).removeprefix(f"projects/{made.project}/roles/")
        assert role in GRANTED.get(grant.type, set()), grant.name
    for own in made.all("IAMCustomRole"):
        assert set(own.inputs["permissions"]) == PERMISSIONS[own.inputs["roleId"]]


def test_every_process_has_an_account_of_its_own(made):
    accounts = {account.inputs["accountId"] for account in made.all("Account")}
    assert accounts == processes(made) | {BUILD}
    for function in made.all("Function"):
        assert function.inputs["serviceConfig"]["serviceAccountEmail"].startswith(f"{function.name}@")
    for service in made.containers():
        assert service.inputs["template"]["serviceAccount"].startswith(f"{service.name}@")


def test_only_functions_that_announce_and_containers_publish_to_every_cell(made):
    writers = {service_of(name) for name in WRITERS} | {realtime_of(cell) for cell in made.cells}
    assert on_topics(made, PUBLISHER) == {(each, topic_of(cell)) for each in writers for cell in made.cells}


def test_only_containers_manage_subscriptions_and_attach_to_their_own_cell(made):
    own = {(realtime_of(cell), topic_of(cell)) for cell in made.cells}
    assert on_topics(made, SUBSCRIBER) == own
    assert holders(made, "IAMMember", "confabSubscriptions") == {container for container, _ in own}


def test_only_processes_read_credentials_and_users(made):
    for secret in made.all("Secret"):
        granted = made.all("SecretIamMember")
        readers = {
            who(made, grant) for grant in granted if grant.inputs["secretId"] == secret.inputs["secretId"]
        }
        assert readers == processes(made), secret.name
    assert holders(made, "IAMMember", "confabTokenVerifier") == processes(made)


def test_only_the_builder_reads_sources_and_writes_images_and_logs(made):
    assert holders(made, "IAMMember", "storage.objectViewer") == {BUILD}
    assert holders(made, "IAMMember", "logging.logWriter") == {BUILD}
    assert holders(made, "RepositoryIamMember", WRITES_IMAGES) == {BUILD}
    for grant in made.all("IAMMember"):
        if grant.inputs["role"] == "roles/storage.objectViewer":
            assert (grant.inputs.get("condition") or {}).get("expression") == SOURCES.format(made.region)


def test_only_entry_points_are_public(made):
    callers = {(grant.inputs["name"], who(made, grant)) for grant in made.all("ServiceIamMember")}
    entries = {service_of(name) for _, name in rewrites()} | {realtime_of(cell) for cell in made.cells}
    assert callers == {(entry, "allUsers") for entry in entries}
    for grant in grants(made):
        assert grant.type == "ServiceIamMember" or not who(made, grant).startswith("all"), grant.name
    for bucket in made.all("Bucket"):
        assert bucket.inputs.get("publicAccessPrevention") == "enforced"


def test_secrets_are_in_secret_manager_and_nowhere_else(made):
    versions = made.all("SecretVersion")
    held = [each.inputs["secretData"] for each in versions]
    assert sorted(each["secret"] for each in held if isinstance(each, dict)) == sorted(made.secrets.values())
    assert all(each.inputs.get("deletionPolicy") == "ABANDON" for each in versions)  # older revisions read it
    elsewhere = [each.inputs for each in made.resources if each.type != "SecretVersion"]
    assert not any(value in str([*elsewhere, made.outputs]) for value in made.secrets.values())


def test_every_process_reads_its_credentials_from_a_version(made):
    wanted = {variable for variable, key in CREDENTIALS.items() if f"confab:{key}" in made.secrets}
    for function in made.all("Function"):
        read = function.inputs["serviceConfig"]["secretEnvironmentVariables"]
        assert {each["key"] for each in read if each["version"]} == wanted, function.name
    for service in made.containers():
        envs = service.inputs["template"]["containers"][0]["envs"]
        sources = {each["name"]: each["valueSource"] for each in envs if "valueSource" in each}
        assert sources.keys() == wanted, service.name
        assert all(source["secretKeyRef"]["version"] for source in sources.values())


READER, WRITER, CELL = "confab-get-conversation", "confab-add-message", "confab-realtime-b"
CREATE, LIST, EVENTS = "confab-create-conversation", "confab-list-conversations", "confab-events"
EMAIL = "serviceConfig.serviceAccountEmail"
DEFAULT_ACCOUNT = "123456789012-compute@developer.gserviceaccount.com"
VIEWER, USER = "confab-build-storage.objectViewer", "confab-surrealdb-user"
PASSWORD = "serviceConfig.environmentVariables.SURREALDB_PASSWORD"

MUTATIONS = {
    test_only_known_roles_are_granted: {
        "an editor": permit("IAMMember", "roles/editor", READER),
        "owners": permit("IAMBinding", "roles/owner", READER),
        "a policy": permit("TopicIAMPolicy", PUBLISHER, WRITER),
        "a wider role": change("TopicIAMMember", f"{WRITER}-publisher", "role", "roles/pubsub.admin"),
        "a publisher on every topic": permit("IAMMember", PUBLISHER, WRITER),
        "a permission more": change(
            "IAMCustomRole", "confabSubscriptions", "permissions", ["pubsub.topics.delete"]
        ),
    },
    test_every_process_has_an_account_of_its_own: {
        "a shared account": change("Function", READER, EMAIL, f"{WRITER}@my-project.iam.gserviceaccount.com"),
        "the default account": change("Service", CELL, "template.serviceAccount", DEFAULT_ACCOUNT),
        "no account": drop("Account", CELL),
    },
    test_only_functions_that_announce_and_containers_publish_to_every_cell: {
        "a reader that publishes": permit("TopicIAMMember", PUBLISHER, READER, topic=EVENTS),
        "a dispatcher that publishes": permit(
            "TopicIAMMember", PUBLISHER, "confab-conversations", topic=EVENTS
        ),
        "a writer that may not": drop("TopicIAMMember", f"{WRITER}-publisher"),
        "another topic": change("TopicIAMMember", f"{WRITER}-publisher", "topic", "other"),
        "a writer that may not in a further cell": drop("TopicIAMMember", f"{WRITER}-publisher-b"),
        "a container that may not in another cell": drop("TopicIAMMember", f"{CELL}-publisher"),
    },
    test_only_containers_manage_subscriptions_and_attach_to_their_own_cell: {
        "a function that makes subscriptions": permit("IAMMember", SUBSCRIPTIONS, WRITER),
        "a function that attaches": permit("TopicIAMMember", SUBSCRIBER, WRITER, topic=EVENTS),
        "a container that may not make them": drop("IAMMember", f"{CELL}-confabSubscriptions"),
        "a container that may not attach": drop("TopicIAMMember", f"{CELL}-subscriber"),
        "a container of another cell": permit("TopicIAMMember", SUBSCRIBER, CELL, topic=EVENTS),
        "a container of another cell only": change(
            "TopicIAMMember", f"{CELL}-subscriber", "topic", "confab-events-c"
        ),
    },
    test_only_processes_read_credentials_and_users: {
        "a builder that reads the password": permit(
            "SecretIamMember", ACCESSOR, BUILD, secretId="confab-surrealdb-password"
        ),
        "a function without the password": drop("SecretIamMember", f"{READER}-SURREALDB_PASSWORD"),
        "a function that cannot look up users": drop("IAMMember", f"{READER}-confabTokenVerifier"),
    },
    test_only_the_builder_reads_sources_and_writes_images_and_logs: {
        "a function that pushes images": permit("RepositoryIamMember", WRITES_IMAGES, READER),
        "a builder of every bucket": change("IAMMember", VIEWER, "condition", None),
        "a builder of every bucket, put otherwise": change(
            "IAMMember", VIEWER, "condition.expression", "true"
        ),
    },
    test_only_entry_points_are_public: {
        "a public operation": permit("ServiceIamMember", INVOKER, "allUsers", name=CREATE),
        "any Google account": permit("ServiceIamMember", INVOKER, "allAuthenticatedUsers", name=LIST),
        "a function that calls another": permit("ServiceIamMember", INVOKER, READER, name=LIST),
        "a closed entry point": drop("ServiceIamMember", f"{READER}-everybody"),
        "a closed container": drop("ServiceIamMember", f"{CELL}-everybody"),
        "a public topic": permit("TopicIAMMember", SUBSCRIBER, "allUsers", topic=EVENTS),
        "a bucket that may be public": change("Bucket", "source", "publicAccessPrevention", "inherited"),
    },
    test_secrets_are_in_secret_manager_and_nowhere_else: {
        "plain text": change("SecretVersion", USER, "secretData", "the-user-7c1"),
        "a version that is deleted": change("SecretVersion", USER, "deletionPolicy", "DELETE"),
        "a missing version": drop("SecretVersion", USER),
        "a password among the variables": change("Function", READER, PASSWORD, "the-password-e09"),
    },
    test_every_process_reads_its_credentials_from_a_version: {
        "a function without": change("Function", READER, "serviceConfig.secretEnvironmentVariables", []),
        "a container without": change("Service", CELL, "template.containers.0.envs", []),
    },
}


@found_by(MUTATIONS)
def test_a_wrong_permission_is_found(check, mutate):
    assert_found(check, mutate)
