"""The store's machine: what reaches it, how it starts, and what survives."""

import base64
import os
import re
import subprocess
from typing import cast

import pytest
import yaml
from surrealdb import AsyncSurreal
from surrealdb.errors import NotAllowedError

from confab.store import schema
from confab.store.session import Session
from confab.store.users import ROLES
from infra.gcp import machine
from infra.gcp.alerts import MOUNTED
from infra.gcp.names import SCHEMA_JOB
from infra.gcp.network import ADDRESS, CLIENTS, PORT
from infra.gcp.settings import StoreMachine
from tests.infra.deployment import BASE, FULL, deployed
from tests.infra.test_parts import variables


@pytest.fixture
def made():
    return deployed(BASE)


def test_a_store_elsewhere_makes_nothing_of_the_machine():
    elsewhere = deployed(FULL)
    assert not [each.key for each in elsewhere.resources if each.module == "compute" or "store" in each.name]
    assert "vpc" not in str([*elsewhere.containers(), *elsewhere.all("Function")]).lower()
    assert {env["SURREALDB_URL"] for env in variables(elsewhere).values()} == {"wss://store.example"}


def test_only_processes_in_the_network_reach_the_store(made):
    member = {"network": "confab-store", "subnetwork": "confab-store-clients"}
    job = made.one(f"Job/{SCHEMA_JOB}").inputs["template"]["template"]
    for template in (job, *(each.inputs["template"] for each in made.containers())):
        assert template["vpcAccess"] == {"egress": "PRIVATE_RANGES_ONLY", "networkInterfaces": [member]}
    for config in (function.inputs["serviceConfig"] for function in made.all("Function")):
        assert config["directVpcEgress"] == "VPC_EGRESS_PRIVATE_RANGES_ONLY"
        assert config["directVpcNetworkInterfaces"] == [member]
    (container,) = job["containers"]
    assert [*container["commands"], *container["args"]] == ["python", "-m", "confab.store", "migrate"]
    assert container["image"] == made.settings["confab:image"]
    wall, instance = made.one("Firewall/confab-store").inputs, made.one("Instance/confab-store").inputs
    assert (wall["sourceRanges"], wall["allows"]) == ([CLIENTS], [{"protocol": "tcp", "ports": [str(PORT)]}])
    assert wall["targetServiceAccounts"] == [instance["serviceAccount"]["email"]]
    assert [each["networkIp"] for each in instance["networkInterfaces"]] == [ADDRESS]
    assert {env["SURREALDB_URL"] for env in variables(made).values()} == {f"ws://{ADDRESS}:{PORT}"}
    assert all(each.inputs["privateIpGoogleAccess"] for each in made.all("Subnetwork"))


def test_the_disk_is_protected_and_its_snapshots_outlive_it(made):
    protected = {each.key for each in made.resources if each.protected}
    assert {each.key for each in made.resources if each.retained} == {"Disk/confab-store"}
    subnets = {"Subnetwork/confab-store", "Subnetwork/confab-store-clients"}
    assert protected == {"Disk/confab-store", "Network/confab-store", *subnets}
    (policy,) = (each.inputs["snapshotSchedulePolicy"] for each in made.all("ResourcePolicy"))
    assert policy["retentionPolicy"] == {"maxRetentionDays": 14, "onSourceDiskDelete": "KEEP_AUTO_SNAPSHOTS"}
    assert policy["schedule"]["dailySchedule"]["daysInCycle"] == 1
    restored = deployed(BASE | {"confab:storeMachine": '{"disk": "restored", "zone": "c"}'})
    assert not restored.all("Disk")
    (kept,) = restored.all("DiskResourcePolicyAttachment")
    instance = restored.one("Instance/confab-store").inputs
    assert [kept.inputs["disk"], instance["attachedDisks"][0]["source"]] == ["restored"] * 2
    assert {kept.inputs["zone"], instance["zone"]} == {"us-central1-c"}


def test_the_machine_runs_the_pinned_image_within_its_memory(made):
    instance = made.one("Instance/confab-store").inputs
    config = yaml.safe_load(instance["metadata"]["user-data"])
    files = {each["path"].rpartition("/")[2]: each["content"] for each in config["write_files"]}
    unit = files["confab-store.service"]
    settings = dict(line.split("=", 1) for line in files["settings.env"].splitlines())
    registry = "us-central1-docker.pkg.dev/my-project/confab-store/surrealdb/surrealdb:v"
    assert re.fullmatch(re.escape(registry) + r"[\d.]+@sha256:[0-9a-f]{64}", settings["IMAGE"])
    assert {*re.findall(r"\$\{?([A-Z]{2,})", unit + files["prepare.sh"])} <= {*settings}
    sizes = {size: StoreMachine(type=f"e2-{size}").memory_mib for size in ("small", "medium", "standard-8")}
    assert sizes == {"small": 2048, "medium": 4096, "standard-8": 32768}
    assert settings["MEMORY"] == f"{sizes['small'] - machine.SYSTEM_MIB}m"
    assert settings["SURREAL_DATASTORE_SYNC"] == "every"  # stored is stored, even if the machine dies
    assert f"mount -o {MOUNTED}," in files["prepare.sh"]
    assert "Restart=always" in unit
    assert "the-" not in str(instance), "a password"
    started = {word for command in config["runcmd"] for word in command}
    assert {"confab-store.service", "confab-store-health.timer"} <= started & files.keys()


async def test_each_start_defines_the_database_and_its_users_whatever_is_in_their_names():
    scope, users, password = ("n`s\\", "d`b"), "con`fab\\", 'it\'s a "secret" \\u0041'
    db = AsyncSurreal("mem://")
    await db.connect()
    for _ in range(2):
        await db.query(machine.define_users(*scope, users, [password + role for role in ROLES], "root's"))
    for role in reversed(ROLES):
        where = {"namespace": scope[0], "database": scope[1]}
        await db.signin({**where, "username": f"{users}_{role}", "password": password + role})
        await db.use(*scope)
        if role == "owner":
            assert await schema.migrate(cast(Session, db)) == schema.VERSION
        with pytest.raises(NotAllowedError):
            await db.query("DEFINE USER more ON ROOT PASSWORD 'x' ROLES OWNER")
    await db.signin({"username": "root", "password": "root's"})
    await db.query("DEFINE USER more ON ROOT PASSWORD 'x' ROLES OWNER")


STUBS = {
    "curl": """case "$*" in
        *secretmanager*) cat >"$SEEN"; echo '  "data": "'$ANSWER'"';;
        *) echo '{"access_token":"t0","expires_in":1}';;
    esac""",
    "mountpoint": "exit 1",
    "iptables": 'test "$2" = -A',
    **dict.fromkeys(("mount", "docker", "docker-credential-gcr"), "exit 0"),
}
"""The tools that need a machine; e2fsprogs and coreutils are the real ones."""
UUID = slice(1128, 1144)
"""Of an ext4 file system."""


@pytest.mark.parametrize(("content", "formatted"), [(b"", True), (b"another's data", False)])
def test_a_start_formats_a_blank_disk_alone(content, formatted, tmp_path):
    disk, users, seen = tmp_path / "disk", tmp_path / "run/users.surql", tmp_path / "seen"
    disk.write_bytes(bytes(2**19) + content)
    os.truncate(disk, 2**25)
    (tmp_path / "bin").mkdir()
    for name, body in STUBS.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/bash\n{body}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    env = {"DEVICE": disk, "MOUNT": tmp_path / "mnt", "USERS": users, "OWNER": os.getuid(), "PORT": PORT}
    env |= {"IMAGE": "host/a/b:v1", "SECRET": "projects/p/secrets/s/versions/7", "SEEN": seen}
    env |= {"ANSWER": base64.b64encode(b"DEFINE USER").decode()}
    env |= {"PATH": f"{tmp_path}/bin:/usr/sbin:/sbin:{os.environ['PATH']}"}
    images = [disk.read_bytes()]
    for _ in range(2):
        words, strings = ["bash", str(machine.PREPARE)], {key: str(value) for key, value in env.items()}
        ran = subprocess.run(words, env=strings, capture_output=True, text=True, timeout=60, check=False)
        assert (ran.returncode == 0) is formatted, ran.stderr
        images.append(disk.read_bytes())
    before, first, second = images
    assert (first == before) is not formatted
    assert first[UUID] == second[UUID]
    if formatted:
        assert (users.read_text(), users.stat().st_mode & 0o077) == ("DEFINE USER", 0)
        assert seen.read_text() == "Authorization: Bearer t0\n"
