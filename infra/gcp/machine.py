"""What the store's machine runs: SurrealDB in a container, started and watched by systemd.

Container-Optimized OS keeps nothing in /etc and reads this configuration at every boot.
"""

import json
import shlex
from collections.abc import Mapping
from pathlib import Path

import yaml

from infra.gcp.names import STORE
from infra.gcp.network import PORT

IMAGE = "surrealdb/surrealdb:v3.2.4@sha256:51baed8709f57f67dcf04b30e3177db846803fa9342dae2be58c6fa5f8d59843"
"""SurrealDB's official image on Docker Hub, of the version that the tests embed."""
SYSTEM_MIB = 512
"""Left to the operating system and Docker; the container gets the rest."""
PREPARE = Path(__file__).with_name("store-prepare.sh")
DEVICE_NAME = "store"
MOUNT, USERS, OWNER = "/mnt/disks/store", "/run/confab/users.surql", "65532"
_ETC, _UNITS = "/etc/confab", "/etc/systemd/system"


def define_users(name: str, password: str, root_password: str) -> str:
    """Return the SurrealQL that defines the users, which SurrealDB runs at every start.

    Confab's user reads and writes everything, and may not define users. Other users stay as they are, so
    a rotation can go over two of them.
    """
    return "".join(
        f"DEFINE USER OVERWRITE `{user}` ON ROOT PASSWORD {json.dumps(secret)} ROLES {role};\n"
        for user, secret, role in (
            ("root", root_password, "OWNER"),
            (name.replace("\\", r"\\").replace("`", r"\`"), password, "EDITOR"),
        )
    )


def environment(memory_mib: int) -> Mapping[str, str]:
    """Return SurrealDB's variables on a machine with this memory.

    A commit is on the disk when it returns. RocksDB gets a quarter of the container's memory for blocks,
    which SurrealDB would size at 16 MiB here, besides 128 MiB of write buffers.
    """
    return {
        "SURREAL_BIND": f"0.0.0.0:{PORT}",
        "SURREAL_DATASTORE_SYNC": "every",
        "SURREAL_IMPORT_FILE": USERS,
        "SURREAL_ROCKSDB_BLOCK_CACHE_SIZE": f"{(memory_mib - SYSTEM_MIB) // 4 * 2**20}",
        "SURREAL_NO_BANNER": "true",
    }


def user_data(image: str, secret: str, memory_mib: int) -> str:
    """Return the cloud-init configuration of a machine that runs the image.

    `secret` is the version of the secret with the users' definitions.
    """
    files = {
        f"{_ETC}/prepare.sh": PREPARE.read_text(),
        f"{_UNITS}/{STORE}.service": _service(image, secret, memory_mib),
        f"{_UNITS}/{STORE}-health.service": _HEALTH,
        f"{_UNITS}/{STORE}-health.timer": "[Timer]\nOnBootSec=60\nOnUnitInactiveSec=30\n",
    }
    config = {
        "write_files": [{"path": path, "content": content} for path, content in files.items()],
        "runcmd": [
            ["systemctl", "daemon-reload"],
            ["systemctl", "start", "--no-block", f"{STORE}.service", f"{STORE}-health.timer"],
        ],
    }
    return "#cloud-config\n" + yaml.safe_dump(config, sort_keys=False)


def _run(image: str, memory_mib: int) -> str:
    limit = f"{memory_mib - SYSTEM_MIB}m"
    options = {
        "name": STORE,
        "network": "host",
        "user": OWNER,
        "memory": limit,
        "memory-swap": limit,
        "cap-drop": "ALL",
        "security-opt": "no-new-privileges",
        "log-opt": "max-size=10m",
        "stop-timeout": "60",
    }
    words = ["--rm", "--read-only", *(f"--{name}={value}" for name, value in options.items())]
    words += [f"--env={name}={value}" for name, value in environment(memory_mib).items()]
    words += [f"--volume={MOUNT}/data:/data", f"--volume={USERS}:{USERS}:ro"]
    return shlex.join(["/usr/bin/docker", "run", *words, image, "start", "rocksdb:/data/confab"])


def _service(image: str, secret: str, memory_mib: int) -> str:
    settings = {
        "HOME": "/var/lib/confab",  # Docker's credentials; the root's own home is read-only
        "DEVICE": f"/dev/disk/by-id/google-{DEVICE_NAME}",
        "MOUNT": MOUNT,
        "USERS": USERS,
        "OWNER": OWNER,
        "PORT": PORT,
        "SECRET": secret,
        "IMAGE": image,
    }
    lines = (
        "[Unit]",
        "Wants=network-online.target docker.service",
        "After=network-online.target docker.service",
        "StartLimitIntervalSec=0",
        "[Service]",
        *(f'Environment="{name}={value}"' for name, value in settings.items()),
        f"ExecStartPre=/bin/bash {_ETC}/prepare.sh",
        f"ExecStartPre=-/usr/bin/docker rm --force {STORE}",
        f"ExecStart={_run(image, memory_mib)}",
        f"ExecStop=/usr/bin/docker stop {STORE}",
        "TimeoutStartSec=900",
        "TimeoutStopSec=75",
        "Restart=always",
        "RestartSec=10",
        "StandardOutput=journal+console",  # the serial port shows what fails before there is a container
        "StandardError=journal+console",
    )
    return "".join(f"{line}\n" for line in lines)


_HEALTH = f"""\
[Unit]
Description=Restarts a store that does not respond for a minute
[Service]
Type=oneshot
ExecCondition=/usr/bin/systemctl is-active --quiet {STORE}.service
ExecStart=/bin/sh -c 'curl -fsS --max-time 5 --retry 6 --retry-delay 10 --retry-all-errors\
 http://127.0.0.1:{PORT}/health || systemctl restart {STORE}.service'
"""
