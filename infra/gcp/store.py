"""The store: a machine that runs SurrealDB on a disk of its own, and the job that migrates its schema."""

import pulumi
from pulumi_gcp import artifactregistry, cloudrunv2, compute

from infra.gcp import machine
from infra.gcp.identities import Identity
from infra.gcp.names import SCHEMA_JOB, STORE
from infra.gcp.network import ADDRESS, CLIENTS, PORT, Network
from infra.gcp.project import Project
from infra.gcp.settings import PASSWORDS, ROOT_PASSWORD, Settings, StoreMachine
from infra.gcp.shared import Shared, make_credential

SYSTEM = "cos-cloud/cos-stable"
SYSTEM_GIB = 10
SNAPSHOT_TIME = "04:00"
ATTEMPTS = 10
"""A new machine serves after some two minutes; each attempt waits 30 s for it."""


def make_store(shared: Shared, network: Network, wanted: Settings) -> compute.Instance:
    """Make the machine, which nothing but functions, containers and the job reaches."""
    settings = wanted.store_machine
    project, zone = shared.project, f"{shared.project.region}-{settings.zone}"
    identity = shared.grants.identity(STORE, "Confab store")
    configuration = _configure(shared, identity, wanted)
    _allow_clients(project, network, identity)
    disk = _make_disk(project, network, zone, settings)
    return compute.Instance(
        STORE,
        project=project.id,
        zone=zone,
        name=STORE,
        machine_type=settings.type,
        allow_stopping_for_update=True,
        boot_disk={"initialize_params": {"image": SYSTEM, "size": SYSTEM_GIB, "type": "pd-balanced"}},
        attached_disks=[{"source": disk, "device_name": machine.DEVICE_NAME}],
        network_interfaces=[{"subnetwork": network.machines.id, "network_ip": ADDRESS}],
        metadata={
            "user-data": configuration,
            "google-logging-enabled": "true",
            "google-monitoring-enabled": "true",  # reports how full the disk is, for nothing
            "block-project-ssh-keys": "true",
        },
        service_account={"email": identity.account.email, "scopes": ["cloud-platform"]},
        shielded_instance_config={"enable_secure_boot": True},
        scheduling={"automatic_restart": True, "on_host_maintenance": "MIGRATE"},
        # Configuration is read at boot, and two machines cannot write to one disk. It stores nothing itself.
        opts=pulumi.ResourceOptions(
            depends_on=identity.grants, replace_on_changes=["metadata"], delete_before_replace=True
        ),
    )


def _configure(shared: Shared, identity: Identity, settings: Settings) -> pulumi.Output[str]:
    """Return the machine's configuration, once its account may read what that names."""
    project, config = shared.project, pulumi.Config("confab")
    scope = settings.store_namespace, settings.store_database
    values = (config.require_secret(key) for key in (*PASSWORDS.values(), ROOT_PASSWORD))
    definitions = pulumi.Output.all(*values).apply(
        lambda each: machine.define_users(*scope, settings.store_users, each[:-1], each[-1])
    )
    users = make_credential(project, "store-users", definitions)
    shared.grants.read_secret(identity, "users", users.secret)
    images = _make_images(project)
    shared.grants.on_images(identity, images, "reader")
    for role in ("roles/logging.logWriter", "roles/monitoring.metricWriter"):
        shared.grants.in_project(identity, role)
    registry = f"{project.region}-docker.pkg.dev/{project.id}"
    return pulumi.Output.all(images.repository_id, users.version.name).apply(
        lambda made: machine.user_data(
            f"{registry}/{made[0]}/{machine.IMAGE}", made[1], settings.store_machine.memory_mib
        )
    )


def _allow_clients(project: Project, network: Network, identity: Identity) -> None:
    compute.Firewall(
        STORE,
        project=project.id,
        name=STORE,
        network=network.name,
        allows=[{"protocol": "tcp", "ports": [str(PORT)]}],
        source_ranges=[CLIENTS],
        target_service_accounts=[identity.account.email],
    )


def make_schema_job(shared: Shared, network: Network, image: str) -> None:
    """Make the job that migrates the schema with the code of the container's image."""
    identity = shared.identity(SCHEMA_JOB, "Confab store schema", "owner")
    cloudrunv2.Job(
        SCHEMA_JOB,
        project=shared.project.id,
        location=shared.project.region,
        name=SCHEMA_JOB,
        deletion_protection=False,  # it stores nothing
        template={
            "template": {
                "service_account": identity.account.email,
                "max_retries": ATTEMPTS,
                "timeout": "60s",
                "containers": [
                    {
                        "image": image,
                        "commands": ["python", "-m", "confab.store"],
                        "args": ["migrate"],
                        "envs": shared.container_envs("owner"),
                    }
                ],
                "vpc_access": network.access,
            }
        },
        opts=pulumi.ResourceOptions(depends_on=[*shared.project.apis, *identity.grants]),
    )


def _make_disk(project: Project, network: Network, zone: str, settings: StoreMachine) -> pulumi.Input[str]:
    """Make the disk, unless another one replaces it, and its daily snapshots; return its name.

    Pulumi refuses to delete or replace it; once it is unprotected, Pulumi forgets it, and it stays.
    """
    name: pulumi.Input[str] = (
        settings.disk
        or compute.Disk(
            STORE,
            project=project.id,
            zone=zone,
            name=STORE,
            type="pd-balanced",
            size=settings.disk_gib,
            opts=pulumi.ResourceOptions(depends_on=[network.api], protect=True, retain_on_delete=True),
        ).name
    )
    schedule = compute.ResourcePolicy(
        STORE,
        project=project.id,
        region=project.region,
        name=STORE,
        snapshot_schedule_policy={
            "schedule": {"daily_schedule": {"days_in_cycle": 1, "start_time": SNAPSHOT_TIME}},
            "retention_policy": {
                "max_retention_days": settings.snapshot_days,
                "on_source_disk_delete": "KEEP_AUTO_SNAPSHOTS",
            },
            "snapshot_properties": {"storage_locations": project.region},
        },
        opts=pulumi.ResourceOptions(depends_on=[network.api]),
    )
    compute.DiskResourcePolicyAttachment(STORE, project=project.id, zone=zone, disk=name, name=schedule.name)
    return name


def _make_images(project: Project) -> artifactregistry.Repository:
    """Make a repository that fetches from Docker Hub what the machine, without internet, asks for."""
    return artifactregistry.Repository(
        f"{STORE}-images",
        project=project.id,
        location=project.region,
        repository_id=STORE,
        format="DOCKER",
        mode="REMOTE_REPOSITORY",
        remote_repository_config={"docker_repository": {"public_repository": "DOCKER_HUB"}},
        opts=project.ready,
    )
