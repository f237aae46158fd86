"""The configuration of the store's machine, which runs SurrealDB in a container under systemd."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from confab.store.users import ROLES, definition, name_of, quoted
from infra.gcp.network import PORT

IMAGE = "surrealdb/surrealdb:v3.2.4@sha256:51baed8709f57f67dcf04b30e3177db846803fa9342dae2be58c6fa5f8d59843"
"""SurrealDB's official image on Docker Hub, of the version that the tests embed."""
SYSTEM_MIB = 512
"""Left to the operating system and Docker; the container gets the rest."""
PREPARE, UNITS = (Path(__file__).with_name(name) for name in ("store-prepare.sh", "store-machine.yaml"))
DEVICE_NAME = "store"
USERS = "/run/confab/users.surql"


def define_users(
    namespace: str, database: str, users: str, passwords: Sequence[str], root_password: str
) -> str:
    """Return the SurrealQL that defines the users, which SurrealDB runs at every start.

    The database gets a user of each role, whose names begin with `users`. Other users stay as they are, so
    a rotation can go over two sets of them.
    """
    own = (
        definition(name_of(users, role), password, role, level="DATABASE")
        for role, password in zip(ROLES, passwords, strict=True)
    )
    statements = (
        definition("root", root_password, "owner", level="ROOT"),
        f"DEFINE NAMESPACE IF NOT EXISTS {quoted(namespace)}",
        f"USE NS {quoted(namespace)}",
        f"DEFINE DATABASE IF NOT EXISTS {quoted(database)}",
        f"USE DB {quoted(database)}",
        *own,
    )
    return "".join(f"{statement};\n" for statement in statements)


def settings(image: str, secret: str, memory_mib: int) -> Mapping[str, str]:
    """Return the variables of the start's script and of SurrealDB on a machine with this memory.

    A commit is on the disk when it returns. RocksDB gets a quarter of the container's memory for blocks,
    which SurrealDB would size at 16 MiB here, besides 128 MiB of write buffers.
    """
    container_mib = memory_mib - SYSTEM_MIB
    return {
        "DEVICE": f"/dev/disk/by-id/google-{DEVICE_NAME}",
        "MOUNT": "/mnt/disks/store",
        "USERS": USERS,
        "OWNER": "65532",  # the image's own user
        "PORT": f"{PORT}",
        "SECRET": secret,
        "IMAGE": image,
        "MEMORY": f"{container_mib}m",
        "SURREAL_BIND": f"0.0.0.0:{PORT}",
        "SURREAL_DATASTORE_SYNC": "every",
        "SURREAL_IMPORT_FILE": USERS,
        "SURREAL_ROCKSDB_BLOCK_CACHE_SIZE": f"{container_mib // 4 * 2**20}",
    }


def user_data(image: str, secret: str, memory_mib: int) -> str:
    """Return the cloud-init configuration of a machine that runs the image.

    `secret` is the version of the secret with the users' definitions.
    """
    config = yaml.safe_load(UNITS.read_text())
    lines = (f"{name}={value}\n" for name, value in settings(image, secret, memory_mib).items())
    files = {"prepare.sh": PREPARE.read_text(), "settings.env": "".join(lines)}
    config["write_files"] += [{"path": f"/etc/confab/{n}", "content": text} for n, text in files.items()]
    return "#cloud-config\n" + yaml.safe_dump(config, sort_keys=False)
