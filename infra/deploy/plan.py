"""The commands of a deployment, in order. What they do twice is the same as once."""

import sys
from collections.abc import Iterator
from pathlib import Path

from infra.deploy.runner import Command
from infra.deploy.target import PROGRAM, Target
from infra.gcp.names import PREFIX

STORE_CHECK = (sys.executable, "-m", "confab.store", "check")
STORE_ENV = {"PYTHONPATH": "functions"}

_QUICK_S = 120.0
_PREPARE_S = 900.0
_UP_S = 3600.0
_BUILD_S = 1500.0
_RELEASE_S = 600.0

BUILDER = f"{PREFIX}build"
"""The service account that builds, which may read the sources' bucket and push images."""
BEFORE_THE_IMAGE = (
    "**gcp:projects/service:Service::**",
    "**gcp:artifactregistry/repository:Repository::images",
    "**gcp:storage/bucket:Bucket::source",
    f"**::{BUILDER}**",
)
"""What the image's build needs, as patterns of Pulumi's names of resources."""


def settings(target: Target, image: str) -> Iterator[Command]:
    """Make the stack if there is none, and write its configuration."""
    yield Command(
        "the stack",
        ("pulumi", "stack", "select", "--create", target.stack, "--cwd", PROGRAM, "--non-interactive"),
        _QUICK_S,
    )
    plain = {
        "gcp:project": target.project,
        "gcp:region": target.region,
        "confab:image": image,
        "confab:storeUrl": target.env["SURREALDB_URL"],
        "confab:storeNamespace": target.env.get("SURREALDB_NAMESPACE") or "confab",
        "confab:storeDatabase": target.env.get("SURREALDB_DATABASE") or "confab",
    }
    if target.site is not None:
        plain["confab:site"] = target.site
    pairs = (word for key, value in plain.items() for word in ("--plaintext", f"{key}={value}"))
    yield Command("its settings", _pulumi(target, "config", "set-all", *pairs), _QUICK_S)
    for key, variable in (("storeUser", "SURREALDB_USER"), ("storePassword", "SURREALDB_PASSWORD")):
        yield Command(
            f"its secret {key}",
            _pulumi(target, "config", "set", "--secret", f"confab:{key}"),
            _QUICK_S,
            stdin=target.env[variable],
        )


def build(target: Target, image: str, project_number: str) -> Iterator[Command]:
    """Build the image, once there is somebody who may and a place to push it to."""
    targets = (word for pattern in BEFORE_THE_IMAGE for word in ("--target", pattern))
    yield Command("what builds", _pulumi(target, "up", "--yes", "--skip-preview", *targets), _PREPARE_S)
    builder = f"{BUILDER}@{target.project}.iam.gserviceaccount.com"
    yield Command(
        "the image",
        (
            "gcloud",
            "builds",
            "submit",
            ".",
            "--config=infra/deploy/cloudbuild.yaml",
            "--ignore-file=.dockerignore",
            f"--gcs-source-staging-dir=gs://{PREFIX}source-{project_number}/realtime",
            f"--service-account=projects/{target.project}/serviceAccounts/{builder}",
            f"--substitutions=_IMAGE={image}",
            f"--project={target.project}",
            "--quiet",
        ),
        _BUILD_S,
    )


def release(target: Target, firebase_json: Path) -> Iterator[Command]:
    """Bring the schema forward, replace the functions and the containers, then the page."""
    if not target.store_elsewhere:
        yield Command(
            "the store's schema",
            (sys.executable, "-m", "confab.store", "migrate"),
            _QUICK_S,
            env=STORE_ENV,
        )
    yield Command("functions, containers and all else", _pulumi(target, "up", "--yes"), _UP_S)
    yield Command(
        "the page",
        (
            "firebase",
            "deploy",
            "--only=hosting",
            f"--project={target.project}",
            f"--config={firebase_json}",
            "--non-interactive",
        ),
        _RELEASE_S,
    )


def destruction(target: Target) -> Iterator[Command]:
    """Take everything away that the Pulumi program made."""
    yield Command("everything in the cloud", _pulumi(target, "destroy", "--yes"), _UP_S)


def image_exists(image: str) -> tuple[str, ...]:
    """A command that ends well if the image is there."""
    return (
        "gcloud",
        "artifacts",
        "docker",
        "images",
        "describe",
        image,
        "--format=value(image_summary.digest)",
    )


def project_number(target: Target) -> tuple[str, ...]:
    """A command that says the project's number."""
    return ("gcloud", "projects", "describe", target.project, "--format=value(projectNumber)")


def outputs(target: Target) -> tuple[str, ...]:
    """A command that says what the stack knows of itself, as JSON."""
    return _pulumi(target, "stack", "output", "--json")


def _pulumi(target: Target, *words: str) -> tuple[str, ...]:
    return ("pulumi", *words, "--cwd", PROGRAM, "--stack", target.stack, "--non-interactive")
