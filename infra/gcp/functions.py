"""A Cloud Run function for every operation, and the dispatcher that Hosting needs."""

from collections.abc import Sequence

import pulumi
from pulumi_gcp import artifactregistry, cloudfunctionsv2, storage

from confab.http.routes import ROUTES, functions, rewrites
from infra.gcp.identities import EVERYBODY, Identity, allow_calls
from infra.gcp.names import PREFIX, service_of
from infra.gcp.parts import Parts
from infra.gcp.project import Project
from infra.gcp.settings import FUNCTION_TIMEOUT_S, FunctionScale
from infra.gcp.variables import BUILD

WRITERS = frozenset(route.operation for route in ROUTES if route.announces)
"""The operations that tell the rooms of what they stored."""
RUNTIME = "python311"


def entry_points() -> frozenset[str]:
    """The functions that Hosting calls. It calls without a credential, so everybody may."""
    return frozenset(function for _, function in rewrites())


def make_functions(
    parts: Parts, scale: FunctionScale, source: storage.BucketObject, cells: Sequence[pulumi.Resource]
) -> None:
    """Make every function of the route table.

    They come after the cells, so that they send nobody to one that is not there yet.
    """
    builder = _make_builder(parts)
    for name in functions():
        identity = _make_identity(parts, name)
        function = cloudfunctionsv2.Function(
            service_of(name),
            cloudfunctionsv2.FunctionArgs(
                project=parts.project.id,
                location=parts.project.region,
                name=service_of(name),
                description=_description(name),
                build_config=_build(parts.project, name, builder, source),
                service_config=_service(parts, scale, identity),
            ),
            pulumi.ResourceOptions(
                depends_on=[*parts.project.apis, *builder.grants, *identity.grants, *cells]
            ),
        )
        if name in entry_points():
            allow_calls(parts.project, service_of(name), function.name, "everybody", EVERYBODY)


def _description(name: str) -> str:
    return "; ".join(f"{route.method} {route.path}" for route in functions()[name])


def _make_identity(parts: Parts, name: str) -> Identity:
    identity = parts.grants.identity(service_of(name), f"Confab function {name}")
    parts.grants.verify_tokens(identity)
    parts.grants.read_secrets(identity, parts.credentials)
    if name in WRITERS:
        parts.grants.publish(identity, parts.topics)
    return identity


def _make_builder(parts: Parts) -> Identity:
    """Who builds: may read the functions' sources, push images and write logs, and nothing else."""
    project = parts.project
    builder = parts.grants.identity(f"{PREFIX}build", "Confab build of the functions")
    buckets = [f"{PREFIX}source-{project.number}", f"gcf-v2-sources-{project.number}-{project.region}"]
    readable = " || ".join(f'resource.name.startsWith("projects/_/buckets/{bucket}")' for bucket in buckets)
    parts.grants.in_project(builder, "roles/storage.objectViewer", readable)
    parts.grants.in_project(builder, "roles/logging.logWriter")
    builder.grants.append(
        artifactregistry.RepositoryIamMember(
            f"{builder.name}-images",
            artifactregistry.RepositoryIamMemberArgs(
                project=project.id,
                location=project.region,
                repository=project.repository.repository_id,
                role="roles/artifactregistry.writer",
                member=builder.member,
            ),
        )
    )
    return builder


def _build(
    project: Project, name: str, builder: Identity, source: storage.BucketObject
) -> cloudfunctionsv2.FunctionBuildConfigArgs:
    return cloudfunctionsv2.FunctionBuildConfigArgs(
        runtime=RUNTIME,
        entry_point=name,
        environment_variables=BUILD,
        docker_repository=project.repository.id,
        service_account=builder.account.name,
        source=cloudfunctionsv2.FunctionBuildConfigSourceArgs(
            storage_source=cloudfunctionsv2.FunctionBuildConfigSourceStorageSourceArgs(
                bucket=source.bucket, object=source.name
            )
        ),
    )


def _service(
    parts: Parts, scale: FunctionScale, identity: Identity
) -> cloudfunctionsv2.FunctionServiceConfigArgs:
    """How a function runs. Its CPU is boosted while it starts: a function's always is."""
    return cloudfunctionsv2.FunctionServiceConfigArgs(
        service_account_email=identity.account.email,
        available_memory=scale.memory,
        available_cpu=scale.cpu,
        max_instance_request_concurrency=scale.concurrency,
        min_instance_count=scale.min_instances,
        max_instance_count=scale.max_instances,
        timeout_seconds=FUNCTION_TIMEOUT_S,
        ingress_settings="ALLOW_ALL",
        environment_variables=parts.variables,
        secret_environment_variables=_secrets(parts),
    )


def _secrets(parts: Parts) -> Sequence[cloudfunctionsv2.FunctionServiceConfigSecretEnvironmentVariableArgs]:
    return [
        cloudfunctionsv2.FunctionServiceConfigSecretEnvironmentVariableArgs(
            key=variable,
            project_id=parts.project.id,
            secret=credential.secret.secret_id,
            version=credential.version.version,
        )
        for variable, credential in parts.credentials.items()
    ]
