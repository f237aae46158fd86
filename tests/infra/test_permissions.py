"""Permissions: a service account for each function and container, with the fewest it needs."""

from confab.domain.cells import topic_of
from confab.http.routes import EXPIRY, rewrites
from confab.store.users import ROLES, Role
from infra.gcp.functions import WRITERS
from infra.gcp.names import SCHEMA_JOB, STORE, realtime_of, service_of
from infra.gcp.retention import SCHEDULER
from infra.gcp.settings import OPTIONAL
from tests.infra.deployment import PROJECT_NUMBER, ROOT, Deployment, Resource

GRANTS = ("IAMMember", "IAMBinding", "IamMember", "IamBinding", "IAMPolicy", "IamPolicy")
"""The suffixes of the types of resources that grant permissions."""
ON = {
    "TopicIAMMember": "topic",
    "SecretIamMember": "secretId",
    "ServiceIamMember": "name",
    "RepositoryIamMember": "repository",
}
"""The input that names the resource on which a grant holds; other grants hold in the project."""
BUILD = "confab-build"
VIEWER = "roles/storage.objectViewer"


def grants(stack: Deployment) -> list[Resource]:
    return [resource for resource in stack.resources if resource.type.endswith(GRANTS)]


def who(stack: Deployment, grant: Resource) -> str:
    """Return a grant's service account by its id, or any other member as in the policy."""
    member = str(grant.inputs.get("member"))
    suffix = f"@{stack.project}.iam.gserviceaccount.com"
    return member.removeprefix("serviceAccount:").removesuffix(suffix) if member.endswith(suffix) else member


def store_role(account: str) -> Role:
    """The role with which the process of this account signs in to the store."""
    if account in {service_of(name) for name in ("get_conversation", "list_conversations", "read_log")}:
        return "viewer"
    return "owner" if account == SCHEMA_JOB else "editor"


def processes(stack: Deployment) -> set[str]:
    return {service_of(name) for name in stack.functions} | {realtime_of(cell) for cell in stack.cells}


def machine(stack: Deployment) -> set[str]:
    """Return the accounts of the store's machine and of the job that migrates its schema."""
    return {STORE, SCHEMA_JOB} if stack.all("Instance") else set()


def test_exactly_the_needed_permissions_are_granted(stack):
    """Only announcing functions and containers publish, and only what Hosting and clients call is public."""
    rooms = {realtime_of(cell): topic_of(cell) for cell in stack.cells}
    expiry = {service_of(EXPIRY)} & processes(stack)
    publishers = {service_of(name) for name in WRITERS} | rooms.keys() | expiry
    entries = {service_of(name) for _, name in rewrites()} | rooms.keys()
    users = "confab-store-users"
    passwords = {f"confab-surrealdb-{role}-password" for role in ROLES}
    secrets = {secret.inputs["secretId"] for secret in stack.all("Secret")} - {users} - passwords
    machines = machine(stack) & {STORE}
    roles = f"projects/{stack.project}/roles"
    found = [
        (grant.type, grant.inputs.get("role"), who(stack, grant), grant.inputs.get(ON.get(grant.type, "")))
        for grant in grants(stack)
    ]
    assert len(found) == len(set(found))
    assert set(found) == {
        *(
            ("TopicIAMMember", "roles/pubsub.publisher", account, on)
            for account in publishers
            for on in rooms.values()
        ),
        *(("TopicIAMMember", "roles/pubsub.subscriber", room, own) for room, own in rooms.items()),
        *(("IAMMember", f"{roles}/confabSubscriptions", room, None) for room in rooms),
        *(
            ("IAMMember", f"{roles}/confabTokenVerifier", account, None)
            for account in processes(stack) - expiry
        ),
        *(
            ("SecretIamMember", "roles/secretmanager.secretAccessor", account, on)
            for account in processes(stack) | machine(stack) - {STORE}
            for on in {*secrets, f"confab-surrealdb-{store_role(account)}-password"}
        ),
        *(("SecretIamMember", "roles/secretmanager.secretAccessor", account, users) for account in machines),
        *(
            ("RepositoryIamMember", "roles/artifactregistry.reader", each, "confab-store")
            for each in machines
        ),
        *(("IAMMember", "roles/logging.logWriter", account, None) for account in machines),
        *(("IAMMember", "roles/monitoring.metricWriter", account, None) for account in machines),
        *(("ServiceIamMember", "roles/run.invoker", "allUsers", entry) for entry in entries),
        *(("ServiceIamMember", "roles/run.invoker", SCHEDULER, function) for function in expiry),
        ("RepositoryIamMember", "roles/artifactregistry.writer", BUILD, "confab"),
        ("RepositoryIamMember", "roles/artifactregistry.writer", BUILD, "confab-realtime"),
        ("IAMMember", VIEWER, BUILD, None),
        ("IAMMember", "roles/logging.logWriter", BUILD, None),
    }


def test_own_roles_have_the_fewest_permissions_and_the_builder_reads_sources_alone(stack):
    assert {own.inputs["roleId"]: set(own.inputs["permissions"]) for own in stack.all("IAMCustomRole")} == {
        "confabTokenVerifier": {"firebaseauth.users.get"},
        "confabSubscriptions": {
            f"pubsub.subscriptions.{verb}" for verb in ("consume", "create", "delete", "list", "update")
        },
    }
    (reads,) = [grant.inputs["condition"] for grant in grants(stack) if grant.inputs["role"] == VIEWER]
    buckets = "projects/_/buckets"
    assert reads["expression"] == (
        f'resource.name.startsWith("{buckets}/confab-source-{PROJECT_NUMBER}")'
        f' || resource.name.startsWith("{buckets}/gcf-v2-sources-{PROJECT_NUMBER}-{stack.region}")'
    )
    for bucket in stack.all("Bucket"):
        assert bucket.inputs.get("publicAccessPrevention") == "enforced"


def test_every_process_has_an_account_of_its_own(stack):
    accounts = {account.inputs["accountId"] for account in stack.all("Account")}
    scheduler = {SCHEDULER} if EXPIRY in stack.functions else set()
    assert accounts == processes(stack) | machine(stack) | {BUILD} | scheduler
    for function in stack.all("Function"):
        assert function.inputs["serviceConfig"]["serviceAccountEmail"].startswith(f"{function.name}@")
    for service in stack.containers():
        assert service.inputs["template"]["serviceAccount"].startswith(f"{service.name}@")


def test_secrets_are_in_secret_manager_and_nowhere_else(stack):
    versions = stack.all("SecretVersion")
    held = [each.inputs["secretData"] for each in versions]
    secret = [each["secret"] for each in held]
    users = [each for each in secret if each.startswith("DEFINE USER")]  # for the machine alone
    assert len(users) == len(stack.all("Instance"))
    alone = {value for key, value in stack.secrets.items() if key not in ROOT}
    assert sorted(set(secret) - {*users}) == sorted(alone)
    assert all(each.inputs.get("deletionPolicy") == "ABANDON" for each in versions)  # older revisions read it
    elsewhere = [each.inputs for each in stack.resources if each.type != "SecretVersion"]
    assert not any(value in str([*elsewhere, stack.outputs]) for value in stack.secrets.values())


def test_every_process_reads_its_credentials_from_a_version(stack):
    wanted = {variable for variable, key in OPTIONAL.items() if f"confab:{key}" in stack.secrets}
    wanted |= {"SURREALDB_PASSWORD"}
    for function in stack.all("Function"):
        config, role = function.inputs["serviceConfig"], store_role(function.name)
        read = {
            each["key"]: each["secret"] for each in config["secretEnvironmentVariables"] if each["version"]
        }
        assert read.keys() == wanted, function.name
        assert read["SURREALDB_PASSWORD"] == f"confab-surrealdb-{role}-password"
        assert config["environmentVariables"]["SURREALDB_USER"] == f"confab_{role}"
        assert config["environmentVariables"]["SURREALDB_AUTH_LEVEL"] == "database"
    for service in stack.containers():
        envs = service.inputs["template"]["containers"][0]["envs"]
        sources = {each["name"]: each["valueSource"] for each in envs if "valueSource" in each}
        assert sources.keys() == wanted, service.name
        assert all(source["secretKeyRef"]["version"] for source in sources.values())
        role = store_role(service.name)
        secret = sources["SURREALDB_PASSWORD"]["secretKeyRef"]["secret"]
        assert secret == f"confab-surrealdb-{role}-password", service.name
        assert {"name": "SURREALDB_USER", "value": f"confab_{role}"} in envs
