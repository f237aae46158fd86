"""The network between the store's machine and those that call it: no address in it is public.

Functions and containers join it for private addresses alone (Direct VPC egress, which costs nothing idle).
The machine reaches Google's APIs and Artifact Registry by Private Google Access, so it needs no Cloud NAT.
"""

from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_gcp import compute, projects

from infra.gcp.names import STORE
from infra.gcp.project import Project, enable

CLIENTS, MACHINES = "10.71.0.0/18", "10.71.64.0/28"
"""Cloud Run takes addresses in blocks of 16 for each revision, two for an instance, and returns them late."""
ADDRESS = "10.71.64.2"
"""The first address of MACHINES that Google does not reserve."""
PORT = 8000
URL = f"ws://{ADDRESS}:{PORT}"


@dataclass(frozen=True, slots=True)
class Network:
    """The network's two subnets, and the API that its resources need."""

    name: pulumi.Output[str]
    clients: compute.Subnetwork
    machines: compute.Subnetwork
    api: projects.Service

    @property
    def access(self) -> Any:
        """The access of a Cloud Run service or job, for private addresses alone."""
        interface = {"network": self.name, "subnetwork": self.clients.name}
        return {"egress": "PRIVATE_RANGES_ONLY", "network_interfaces": [interface]}


def make_network(project: Project) -> Network:
    """Make the network.

    It is protected because Cloud Run holds its addresses for up to two hours after the last service was
    deleted. A destruction leaves it behind, and it costs nothing.
    """
    api = enable(project.id, "compute")
    network = compute.Network(
        STORE,
        project=project.id,
        name=STORE,
        auto_create_subnetworks=False,
        opts=pulumi.ResourceOptions(depends_on=[*project.apis, api], protect=True),
    )
    clients, machines = (
        compute.Subnetwork(
            name,
            project=project.id,
            region=project.region,
            name=name,
            network=network.id,
            ip_cidr_range=addresses,
            private_ip_google_access=True,
            opts=pulumi.ResourceOptions(protect=True),
        )
        for name, addresses in ((f"{STORE}-clients", CLIENTS), (STORE, MACHINES))
    )
    return Network(network.name, clients, machines, api)
