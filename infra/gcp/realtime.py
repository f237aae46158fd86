"""The realtime container of a cell, on Cloud Run."""

from collections.abc import Sequence

import pulumi
from pulumi_gcp import cloudrunv2

from infra.gcp.identities import EVERYBODY, Identity, allow_calls
from infra.gcp.names import realtime_of
from infra.gcp.parts import Parts
from infra.gcp.settings import Cell

LONGEST_SOCKET_S = 3600
"""A socket is a request to Cloud Run, which lets none last longer."""
PORT = 8080


def make_cell(parts: Parts, cell: Cell, image: str) -> cloudrunv2.Service:
    """One realtime service that everybody may reach; it checks tokens and origins itself."""
    name = realtime_of(cell.name)
    identity = _make_identity(parts, cell)
    service = cloudrunv2.Service(
        name,
        cloudrunv2.ServiceArgs(
            project=parts.project.id,
            location=parts.project.region,
            name=name,
            ingress="INGRESS_TRAFFIC_ALL",
            deletion_protection=False,  # it keeps nothing
            template=cloudrunv2.ServiceTemplateArgs(
                service_account=identity.account.email,
                execution_environment="EXECUTION_ENVIRONMENT_GEN2",
                timeout=f"{LONGEST_SOCKET_S}s",
                session_affinity=True,  # a polling client's requests must meet the same instance
                max_instance_request_concurrency=cell.concurrency,
                scaling=cloudrunv2.ServiceTemplateScalingArgs(
                    min_instance_count=cell.min_instances, max_instance_count=cell.max_instances
                ),
                containers=[_container(parts, cell, image)],
            ),
        ),
        pulumi.ResourceOptions(depends_on=[*parts.project.apis, *identity.grants]),
    )
    allow_calls(parts.project, name, service.name, "everybody", EVERYBODY)
    return service


def _make_identity(parts: Parts, cell: Cell) -> Identity:
    identity = parts.grants.identity(realtime_of(cell.name), f"Confab realtime cell {cell.name}")
    parts.grants.verify_tokens(identity)
    parts.grants.read_secrets(identity, parts.credentials)
    parts.grants.publish(identity, parts.topics)  # it may be asked to write in any room
    parts.grants.manage_subscriptions(identity, parts.topics[cell.name])
    return identity


def _container(parts: Parts, cell: Cell, image: str) -> cloudrunv2.ServiceTemplateContainerArgs:
    """The container. Its CPU is there between requests too: sweeps, leases and probes go on."""
    return cloudrunv2.ServiceTemplateContainerArgs(
        image=image,
        ports=cloudrunv2.ServiceTemplateContainerPortsArgs(container_port=PORT),
        envs=_environment(parts, cell),
        resources=cloudrunv2.ServiceTemplateContainerResourcesArgs(
            limits={"cpu": cell.cpu, "memory": cell.memory}, cpu_idle=False, startup_cpu_boost=True
        ),
        startup_probe=cloudrunv2.ServiceTemplateContainerStartupProbeArgs(
            http_get=cloudrunv2.ServiceTemplateContainerStartupProbeHttpGetArgs(path="/healthz", port=PORT),
            period_seconds=1,
            timeout_seconds=1,
            failure_threshold=60,
        ),
        # Not /readyz: a container whose store is away serves the sockets it has, and heals by itself.
        liveness_probe=cloudrunv2.ServiceTemplateContainerLivenessProbeArgs(
            http_get=cloudrunv2.ServiceTemplateContainerLivenessProbeHttpGetArgs(path="/healthz", port=PORT),
            period_seconds=10,
            timeout_seconds=5,
            failure_threshold=3,
        ),
    )


def _environment(parts: Parts, cell: Cell) -> Sequence[cloudrunv2.ServiceTemplateContainerEnvArgs]:
    plain = [
        cloudrunv2.ServiceTemplateContainerEnvArgs(name=name, value=value)
        for name, value in {**parts.variables, "CONFAB_CELL": cell.name}.items()
    ]
    secret = [
        cloudrunv2.ServiceTemplateContainerEnvArgs(
            name=name,
            value_source=cloudrunv2.ServiceTemplateContainerEnvValueSourceArgs(
                secret_key_ref=cloudrunv2.ServiceTemplateContainerEnvValueSourceSecretKeyRefArgs(
                    secret=credential.secret.secret_id, version=credential.version.version
                )
            ),
        )
        for name, credential in parts.credentials.items()
    ]
    return [*plain, *secret]
