"""The source that the functions are built from."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import pulumi
from pulumi_gcp import storage

from infra.gcp.names import PREFIX, STAGED
from infra.gcp.project import Project

ROOT = Path(__file__).resolve().parents[2]
FUNCTIONS = ROOT / "functions"
REQUIREMENTS, CONSTRAINTS = "requirements.txt", "constraints.txt"
BUILT_AFTER_DAYS = 1


def contents() -> Mapping[str, bytes]:
    """Every file of the archive by its path: code, schema and what to install, in exact versions."""
    code = [
        FUNCTIONS / "main.py",
        *(FUNCTIONS / "confab").rglob("*.py"),
        *(FUNCTIONS / "confab").rglob("*.surql"),
    ]
    files = {path.relative_to(FUNCTIONS).as_posix(): path.read_bytes() for path in sorted(code)}
    requirements = (FUNCTIONS / REQUIREMENTS).read_bytes() + f"-c {CONSTRAINTS}\n".encode()
    return files | {REQUIREMENTS: requirements, CONSTRAINTS: (ROOT / CONSTRAINTS).read_bytes()}


def digest_of(files: Mapping[str, bytes]) -> str:
    """What changes when a file does, and only then."""
    total = hashlib.sha256()
    for path, content in sorted(files.items()):
        total.update(f"{path}\0{len(content)}\0".encode() + content)
    return total.hexdigest()[:16]


def make_source(project: Project) -> storage.BucketObject:
    """The archive in a bucket of its own. A change of the source is another object."""
    files = contents()
    bucket = storage.Bucket(
        "source",
        storage.BucketArgs(
            project=project.id,
            name=f"{PREFIX}source-{project.number}",
            location=project.region,
            uniform_bucket_level_access=True,
            public_access_prevention="enforced",
            force_destroy=True,  # everything in it can be made again
            lifecycle_rules=[
                storage.BucketLifecycleRuleArgs(
                    action=storage.BucketLifecycleRuleActionArgs(type="Delete"),
                    condition=storage.BucketLifecycleRuleConditionArgs(
                        age=BUILT_AFTER_DAYS, matches_prefixes=[f"{STAGED}/"]
                    ),
                )
            ],
        ),
        project.ready,
    )
    return storage.BucketObject(
        "source",
        storage.BucketObjectArgs(
            bucket=bucket.name,
            name=f"functions-{digest_of(files)}.zip",
            source=pulumi.AssetArchive(
                {path: pulumi.StringAsset(content.decode()) for path, content in files.items()}
            ),
        ),
    )
