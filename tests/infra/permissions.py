"""Who may do what in a deployment: checks that return what is wrong, as lines of text."""

from collections.abc import Iterator

from confab.domain.cells import topic_of
from confab.http.routes import functions, rewrites
from infra.gcp.functions import WRITERS
from infra.gcp.names import realtime_of, service_of
from infra.gcp.variables import CREDENTIALS
from tests.infra.collect import PROJECT_NUMBER
from tests.infra.deployment import Deployment, Resource

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
    return {
        (who(made, grant), grant.inputs["topic"])
        for grant in made.all("TopicIAMMember")
        if grant.inputs["role"] == role
    }


def only_known_roles_are_granted(made: Deployment) -> Iterator[str]:
    """Nobody is owner, editor or administrator of anything."""
    for grant in grants(made):
        role = str(grant.inputs.get("role"))
        short = role.removeprefix(f"projects/{made.project}/roles/")
        if short not in GRANTED.get(grant.type, set()):
            yield f"{grant.name}: {role} through {grant.type}"
    for own in made.all("IAMCustomRole"):
        if set(own.inputs["permissions"]) != PERMISSIONS.get(own.inputs["roleId"]):
            yield f"{own.name}: {own.inputs['permissions']}"


def everybody_has_an_account(made: Deployment) -> Iterator[str]:
    """A service account for each service, which nothing else runs as."""
    accounts = {account.inputs["accountId"] for account in made.all("Account")}
    wanted = processes(made) | {BUILD}
    if accounts != wanted:
        yield f"accounts: {sorted(accounts ^ wanted)}"
    for function in made.all("Function"):
        if not function.inputs["serviceConfig"]["serviceAccountEmail"].startswith(f"{function.name}@"):
            yield f"{function.name} runs as somebody else"
    for service in made.all("Service"):
        if service.module == "cloudrunv2" and not service.inputs["template"]["serviceAccount"].startswith(
            f"{service.name}@"
        ):
            yield f"{service.name} runs as somebody else"


def only_writers_publish(made: Deployment) -> Iterator[str]:
    """The functions that announce, and the containers: to every cell, for any may be written to."""
    writers = {service_of(name) for name in WRITERS} | {realtime_of(cell) for cell in made.cells}
    wanted = {(writer, topic_of(cell)) for writer in writers for cell in made.cells}
    if (found := on_topics(made, "roles/pubsub.publisher")) != wanted:
        yield f"publishers: {sorted(found ^ wanted)}"


def only_containers_manage_subscriptions(made: Deployment) -> Iterator[str]:
    """Attach to the topic of their own cell and to no other, and make and delete subscriptions."""
    wanted = {(realtime_of(cell), topic_of(cell)) for cell in made.cells}
    if (attached := on_topics(made, "roles/pubsub.subscriber")) != wanted:
        yield f"subscribers: {sorted(attached ^ wanted)}"
    if (found := holders(made, "IAMMember", "confabSubscriptions")) != {container for container, _ in wanted}:
        yield f"confabSubscriptions: {sorted(found)}"


def only_processes_read_what_is_theirs(made: Deployment) -> Iterator[str]:
    """Credentials and users, every process; the source and images, whoever builds."""
    for secret in made.all("Secret"):
        readers = {
            who(made, grant)
            for grant in made.all("SecretIamMember")
            if grant.inputs["secretId"] == secret.inputs["secretId"]
        }
        if readers != processes(made):
            yield f"{secret.name}: {sorted(readers ^ processes(made))}"
    if (found := holders(made, "IAMMember", "confabTokenVerifier")) != processes(made):
        yield f"confabTokenVerifier: {sorted(found ^ processes(made))}"
    for kind, role in (
        ("IAMMember", "storage.objectViewer"),
        ("IAMMember", "logging.logWriter"),
        ("RepositoryIamMember", "artifactregistry.writer"),
    ):
        if (found := holders(made, kind, role)) != {BUILD}:
            yield f"{role}: {sorted(found)}"
    for grant in made.all("IAMMember"):
        condition = (grant.inputs.get("condition") or {}).get("expression", "true")
        if grant.inputs["role"] == "roles/storage.objectViewer" and condition != SOURCES.format(made.region):
            yield f"{grant.name}: reads where {condition}"


def only_entry_points_are_public(made: Deployment) -> Iterator[str]:
    """What Hosting calls, and the containers; no account of ours calls another service."""
    anybody = {"allUsers", "allAuthenticatedUsers"}
    public = {
        grant.inputs["name"] for grant in made.all("ServiceIamMember") if grant.inputs["member"] in anybody
    }
    wanted = {service_of(name) for _, name in rewrites()} | {realtime_of(cell) for cell in made.cells}
    if public != wanted:
        yield f"public: {sorted(public ^ wanted)}"
    for grant in grants(made):
        if who(made, grant) in anybody and grant.type != "ServiceIamMember":
            yield f"{grant.name}: everybody"
    callers = {who(made, grant) for grant in made.all("ServiceIamMember")} - {"allUsers"}
    if callers:
        yield f"callers: {sorted(callers)}"
    for bucket in made.all("Bucket"):
        if bucket.inputs.get("publicAccessPrevention") != "enforced":
            yield f"{bucket.name} may become public"


def every_secret_is_a_secret(made: Deployment) -> Iterator[str]:
    """The values are in Secret Manager's versions, marked as secret, and nowhere else."""
    versions = made.all("SecretVersion")
    values = [version.inputs["secretData"] for version in versions]
    held = [value["secret"] for value in values if isinstance(value, dict)]
    if sorted(held) != sorted(made.secrets.values()):
        yield f"secret versions: {[version.name for version in versions]}"
    for version in versions:
        if version.inputs.get("deletionPolicy") != "ABANDON":
            yield f"{version.name}: goes while older revisions read it"
    for resource in made.resources:
        if resource.type != "SecretVersion" and any(
            value in str(resource.inputs) for value in made.secrets.values()
        ):
            yield f"{resource.name} holds a secret"
    if any(value in str(made.outputs) for value in made.secrets.values()):
        yield "an output holds a secret"
    wanted = {variable for variable, key in CREDENTIALS.items() if f"confab:{key}" in made.secrets}
    for process, variables in secret_variables(made).items():
        if set(variables) != wanted or not all(variables.values()):
            yield f"{process}: {variables}"


def secret_variables(made: Deployment) -> dict[str, dict[str, object]]:
    """The version of every secret that each process reads, by variable."""
    found: dict[str, dict[str, object]] = {
        function.name: {
            each["key"]: each["version"]
            for each in function.inputs["serviceConfig"]["secretEnvironmentVariables"]
        }
        for function in made.all("Function")
    }
    for name in made.cells:
        envs = made.one("Service", realtime_of(name)).inputs["template"]["containers"][0]["envs"]
        found[realtime_of(name)] = {
            each["name"]: each["valueSource"]["secretKeyRef"]["version"]
            for each in envs
            if "valueSource" in each
        }
    return found
