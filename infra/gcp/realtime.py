"""The realtime container of a cell, on Cloud Run."""

import pulumi
from pulumi_gcp import cloudrunv2

from infra.gcp.identities import let_invoke
from infra.gcp.names import realtime_of
from infra.gcp.settings import Cell
from infra.gcp.shared import Shared

LONGEST_SOCKET_S = 3600
"""A socket is a request to Cloud Run, which ends every request after an hour."""
PORT = 8080


def make_cell(shared: Shared, cell: Cell, image: str) -> cloudrunv2.Service:
    """Make the public service of a cell; the container checks tokens and origins itself."""
    name = realtime_of(cell.name)
    identity = shared.identity(name, f"Confab realtime cell {cell.name}", "editor")
    shared.grants.verify_tokens(identity)
    shared.grants.publish(identity, shared.topics)  # a client may write to conversations of any cell
    shared.grants.manage_subscriptions(identity, shared.topics[cell.name])
    template: cloudrunv2.ServiceTemplateArgsDict = {
        "service_account": identity.account.email,
        "execution_environment": "EXECUTION_ENVIRONMENT_GEN2",
        "timeout": f"{LONGEST_SOCKET_S}s",
        "session_affinity": True,  # a polling client's requests must reach the same instance
        "max_instance_request_concurrency": cell.concurrency,
        "scaling": {"min_instance_count": cell.min_instances, "max_instance_count": cell.max_instances},
        "containers": [_container(shared, cell, image)],
    }
    if shared.network:
        template["vpc_access"] = shared.network.access
    service = cloudrunv2.Service(
        name,
        project=shared.project.id,
        location=shared.project.region,
        name=name,
        ingress="INGRESS_TRAFFIC_ALL",
        deletion_protection=False,  # it stores nothing
        template=template,
        opts=pulumi.ResourceOptions(depends_on=[*shared.project.apis, *identity.grants]),
    )
    let_invoke(shared.project, f"{name}-everybody", service.name)
    return service


def _container(shared: Shared, cell: Cell, image: str) -> cloudrunv2.ServiceTemplateContainerArgsDict:
    """Configure the container with CPU between requests too, for sweeps, leases and probes."""
    limits = {"cpu": cell.cpu, "memory": cell.memory}
    return {
        "image": image,
        "ports": {"container_port": PORT},
        "envs": shared.container_envs("editor", CONFAB_CELL=cell.name),
        "resources": {"limits": limits, "cpu_idle": False, "startup_cpu_boost": True},
        "startup_probe": {
            "http_get": {"path": "/healthz", "port": PORT},
            "period_seconds": 1,
            "timeout_seconds": 1,
            "failure_threshold": 60,
        },
        # Not /readyz: without its store, a container still serves its sockets, and recovers by itself.
        "liveness_probe": {
            "http_get": {"path": "/healthz", "port": PORT},
            "period_seconds": 10,
            "timeout_seconds": 5,
            "failure_threshold": 3,
        },
    }
