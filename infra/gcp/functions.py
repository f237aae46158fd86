"""A Cloud Run function for every operation, and the dispatchers, which Hosting needs."""

from collections.abc import Mapping, Sequence

import pulumi
from pulumi_gcp import cloudfunctionsv2, storage

from confab.http.routes import functions, rewrites
from confab.store.users import Role
from infra.gcp.identities import Identity, let_invoke
from infra.gcp.names import BUILDER, PREFIX, service_of
from infra.gcp.settings import FUNCTION_TIMEOUT_S, FunctionScale
from infra.gcp.shared import Shared
from infra.gcp.variables import BUILD

WRITERS = frozenset(name for name, routes in functions().items() if any(route.announces for route in routes))
"""The functions that announce what they store."""
READERS = frozenset(
    name for name, routes in functions().items() if all(route.method == "GET" for route in routes)
)
"""The functions that only read the store."""
RUNTIME = "python311"


def role_of(function: str) -> Role:
    """Return the role with which a function signs in to the store."""
    return "viewer" if function in READERS else "editor"


def hosting_rewrites(region: str) -> Sequence[Mapping[str, object]]:
    """Return the rewrites of firebase.json, in its form and order, to Cloud Run services.

    A release of a site consists of pages and rewrites together, so the stack outputs them for whoever
    releases the pages.
    """
    return [
        {"source": path, "run": {"serviceId": service_of(function), "region": region}}
        for path, function in rewrites()
    ]


class Functions:
    """Makes functions of one source, after the cells, whose addresses they return to clients."""

    def __init__(
        self,
        shared: Shared,
        scale: FunctionScale,
        source: storage.BucketObject,
        cells: Sequence[pulumi.Resource],
    ) -> None:
        self.shared = shared
        self.scale = scale
        self._source = source
        self._cells = cells
        self._builder = _make_builder(shared)

    def make_operations(self) -> Mapping[str, cloudfunctionsv2.Function]:
        """Make every function of the route table; return the public ones by name.

        Those that Hosting calls are public, because Hosting sends no credential.
        """
        public, made = {function for _, function in rewrites()}, {}
        for name, routes in functions().items():
            identity = self.shared.identity(service_of(name), f"Confab function {name}", role_of(name))
            self.shared.grants.verify_tokens(identity)
            if name in WRITERS:
                self.shared.grants.publish(identity, self.shared.topics)
            about = "; ".join(f"{route.method} {route.path}" for route in routes)
            function = self.make(name, about, identity, self.scale, FUNCTION_TIMEOUT_S)
            if name in public:
                made[name] = function
                let_invoke(self.shared.project, f"{service_of(name)}-everybody", function.name)
        return made

    def make(
        self, name: str, about: str, identity: Identity, scale: FunctionScale, timeout_s: int
    ) -> cloudfunctionsv2.Function:
        """Make a function, which nobody may invoke yet."""
        project, service = self.shared.project, service_of(name)
        return cloudfunctionsv2.Function(
            service,
            project=project.id,
            location=project.region,
            name=service,
            description=about,
            build_config={
                "runtime": RUNTIME,
                "entry_point": name,
                "environment_variables": BUILD,
                "docker_repository": project.repository.id,
                "service_account": self._builder.account.name,
                "source": {"storage_source": {"bucket": self._source.bucket, "object": self._source.name}},
            },
            service_config=_service(self.shared, scale, identity, timeout_s, role_of(name)),
            opts=pulumi.ResourceOptions(
                depends_on=[*project.apis, *self._builder.grants, *identity.grants, *self._cells]
            ),
        )


def _make_builder(shared: Shared) -> Identity:
    """Make the builds' account: it reads the sources, pushes images and writes logs, and nothing else."""
    project = shared.project
    builder = shared.grants.identity(BUILDER, "Confab build of the functions")
    buckets = [f"{PREFIX}source-{project.number}", f"gcf-v2-sources-{project.number}-{project.region}"]
    readable = " || ".join(f'resource.name.startsWith("projects/_/buckets/{bucket}")' for bucket in buckets)
    shared.grants.in_project(builder, "roles/storage.objectViewer", readable)
    shared.grants.in_project(builder, "roles/logging.logWriter")
    shared.grants.on_images(builder, project.repository, "writer")
    shared.grants.on_images(builder, project.releases, "writer", "releases")
    return builder


def _service(
    shared: Shared, scale: FunctionScale, identity: Identity, timeout_s: int, role: Role
) -> cloudfunctionsv2.FunctionServiceConfigArgsDict:
    """Configure a function's instances. Cloud Run always boosts the CPU of a function that starts."""
    config: cloudfunctionsv2.FunctionServiceConfigArgsDict = {
        "service_account_email": identity.account.email,
        "available_memory": scale.memory,
        "available_cpu": scale.cpu,
        "max_instance_request_concurrency": scale.concurrency,
        "min_instance_count": scale.min_instances,
        "max_instance_count": scale.max_instances,
        "timeout_seconds": timeout_s,
        "ingress_settings": "ALLOW_ALL",
        "environment_variables": shared.variables_of(role),
        "secret_environment_variables": [
            {
                "key": variable,
                "project_id": shared.project.id,
                "secret": credential.secret.secret_id,
                "version": credential.version.version,
            }
            for variable, credential in shared.credentials_of(role).items()
        ],
    }
    if shared.network:
        config["direct_vpc_egress"] = "VPC_EGRESS_PRIVATE_RANGES_ONLY"
        config["direct_vpc_network_interfaces"] = shared.network.access["network_interfaces"]
    return config
