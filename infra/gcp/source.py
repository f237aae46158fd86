"""The source archive of the functions' builds."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import pulumi
from pulumi_gcp import storage

from infra.gcp.names import PREFIX, STAGED
from infra.gcp.project import Project

ROOT = Path(__file__).resolve().parents[2]
FUNCTIONS = ROOT / "functions"
BUILT: storage.BucketLifecycleRuleConditionArgsDict = {"age": 1, "matches_prefixes": [f"{STAGED}/"]}
"""The condition of what an image was built from, a day ago."""


def contents() -> Mapping[str, bytes]:
    """Return the archive's files by path: code, SurrealQL, and the lock, from which the build installs."""
    package = FUNCTIONS / "confab"
    found = (*package.rglob("*.py"), *package.rglob("*.surql"))
    files = sorted((FUNCTIONS / "main.py", FUNCTIONS / "requirements.txt", *found))
    return {path.relative_to(FUNCTIONS).as_posix(): path.read_bytes() for path in files}


def digest_of(files: Mapping[str, bytes]) -> str:
    """Return a digest of all paths and contents."""
    total = hashlib.sha256()
    for path, content in sorted(files.items()):
        total.update(f"{path}\0{len(content)}\0".encode() + content)
    return total.hexdigest()[:16]


def make_source(project: Project) -> storage.BucketObject:
    """Make a bucket with the archive. Changed sources make another object."""
    files = contents()
    bucket = storage.Bucket(
        "source",
        project=project.id,
        name=f"{PREFIX}source-{project.number}",
        location=project.region,
        uniform_bucket_level_access=True,
        public_access_prevention="enforced",
        force_destroy=True,  # it holds nothing that a release cannot make again
        lifecycle_rules=[{"action": {"type": "Delete"}, "condition": BUILT}],
        opts=project.ready,
    )
    return storage.BucketObject(
        "source",
        bucket=bucket.name,
        name=f"functions-{digest_of(files)}.zip",
        source=pulumi.AssetArchive({path: pulumi.StringAsset(text.decode()) for path, text in files.items()}),
    )
