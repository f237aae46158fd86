"""The commands of a deployment, in order. Each can be repeated safely."""

import sys
from collections.abc import Iterator
from pathlib import Path

from infra.deploy import stack
from infra.deploy.hosting import MARK
from infra.deploy.runner import Command, Retry
from infra.deploy.target import PROGRAM, Target
from infra.gcp.names import BUILDER, PREFIX, SCHEMA_JOB, STAGED

STORE_CHECK = (sys.executable, "-m", "confab.store", "check")
STORE_MIGRATE = (sys.executable, "-m", "confab.store", "migrate")
STORE_ENV = {"PYTHONPATH": "functions"}

_QUICK_S = 120.0
_PREPARE_S = 900.0
_UP_S = 3600.0
_BUILD_S = 1500.0
_RELEASE_S = 600.0

BEFORE_THE_IMAGE = (
    "**gcp:projects/service:Service::**",
    "**gcp:artifactregistry/repository:Repository::images",
    "**gcp:artifactregistry/repository:Repository::releases",
    "**gcp:storage/bucket:Bucket::source",
    f"**::{BUILDER}**",
)
"""The resources that the image's build needs, as patterns of Pulumi's URNs."""
SCHEMA = "**gcp:cloudrunv2/job:Job::" + SCHEMA_JOB

METRIC = r"Cannot find metric\(s\)"
"""An alert refers to a new log metric, which takes up to 10 minutes to propagate."""
API = "has not been used in project .* before or it is disabled"
ACCESS = "does not have .* access|Permission .* denied|Permission denied on secret|PERMISSION_DENIED"
ACCOUNT = "[Ss]ervice account .* does not exist"
NEW_PROJECT = Retry((METRIC, API, ACCESS, ACCOUNT), times=12, pause_s=60)
NEW_ACCOUNT = Retry((ACCESS, ACCOUNT, r"\b403\b"), times=10, pause_s=30)
"""For the build, whose account was created just before. Errors of its own steps show in its log alone, but
by the time it pushes, the account has existed for minutes."""


def settings(target: Target, image: str | None = None) -> Iterator[Command]:
    """Create the stack if there is none, and write the settings that differ from its own.

    Without an image, the stack keeps the one of its last release.
    """
    select = f"pulumi stack select --create {target.stack} --cwd {PROGRAM} --non-interactive"
    yield Command("stack", tuple(select.split()), _QUICK_S)
    wanted = stack.settings(target, image)
    new = {key: value for key, value in wanted.items() if target.kept.get(key) != value}
    plain = {key: value for key, value in new.items() if key not in stack.SECRETS}
    pairs = (word for key, value in plain.items() for word in ("--plaintext", f"{key}={value}"))
    if plain:
        yield Command("settings", stack.pulumi(target.stack, "config", "set-all", *pairs), _QUICK_S)
    if "confab:storeUrl" in target.kept.keys() - wanted.keys():
        yield Command("store", stack.pulumi(target.stack, "config", "rm", "confab:storeUrl"), _QUICK_S)
    for key in sorted(new.keys() & stack.SECRETS):
        words = stack.pulumi(target.stack, "config", "set", "--secret", key)
        yield Command(f"secret {key.partition(':')[2]}", words, _QUICK_S, stdin=new[key])


def preview(target: Target) -> Command:
    """Print the changes. Settings that the program rejects end the deployment here."""
    return Command("preview", stack.pulumi(target.stack, "preview"), _PREPARE_S)


def build(target: Target, image: str, project_number: str) -> Iterator[Command]:
    """Create the build's account and repository, then build the image."""
    targets = (word for pattern in BEFORE_THE_IMAGE for word in ("--target", pattern))
    yield Command("what the build needs", _up(target, *targets), _PREPARE_S, retry=NEW_PROJECT)
    builder = f"{BUILDER}@{target.project}.iam.gserviceaccount.com"
    submit = (
        "gcloud builds submit . --config=infra/deploy/cloudbuild.yaml --ignore-file=.dockerignore"
        f" --gcs-source-staging-dir=gs://{PREFIX}source-{project_number}/{STAGED}"
        f" --service-account=projects/{target.project}/serviceAccounts/{builder}"
        f" --substitutions=_IMAGE={image} --project={target.project} --quiet"
    )
    yield Command("image", tuple(submit.split()), _BUILD_S, retry=NEW_ACCOUNT)


def release(target: Target, *, has_machine: bool = False) -> Iterator[Command]:
    """Migrate the schema, and replace the functions and the containers.

    Nothing outside its network reaches the deployment's own store, so a job there migrates it; the first
    time after everything is made.
    """
    everything = Command("functions, containers and everything else", _up(target), _UP_S, retry=NEW_PROJECT)
    if target.managed:
        job = Command("the schema's job", _up(target, "--target", SCHEMA), _PREPARE_S)
        words = f"gcloud run jobs execute {SCHEMA_JOB} --wait --quiet --region={target.region}"
        own = (*words.split(), f"--project={target.project}")
        migrate = Command("store schema", own, _PREPARE_S, retry=NEW_ACCOUNT)
        yield from (job, migrate, everything) if has_machine else (everything, migrate)
        return
    if not target.store_elsewhere:
        env = {**STORE_ENV, **stack.account(target.env, "owner")}
        yield Command("store schema", STORE_MIGRATE, _QUICK_S, secrets=env)
    yield everything


def page(target: Target, firebase_json: Path) -> Command:
    """Release the page and the rewrites, labelled as Confab's."""
    project, config = f"--project={target.project}", f"--config={firebase_json}"
    words = ("firebase", "deploy", "--only=hosting", project, config, "--non-interactive")
    return Command("page", words, _RELEASE_S, env=MARK)


def destruction(target: Target) -> Command:
    """Destroy everything that the Pulumi program created, but the store's disk and its network."""
    words = stack.pulumi(target.stack, "destroy", "--yes", "--exclude-protected")
    return Command("everything in the cloud", words, _UP_S)


def pin(target: Target, image: str) -> Command:
    """Let the stack deploy this image."""
    words = stack.pulumi(target.stack, "config", "set", "--plaintext", "confab:image", image)
    return Command("image by its digest", words, _QUICK_S)


def image_digest(image: str) -> tuple[str, ...]:
    """A command that prints the digest of the image with this tag, if there is one."""
    describe = f"gcloud artifacts docker images describe {image} --format=value(image_summary.digest)"
    return tuple(describe.split())


def project_number(target: Target) -> tuple[str, ...]:
    """A command that prints the project's number."""
    return tuple(f"gcloud projects describe {target.project} --format=value(projectNumber)".split())


def _up(target: Target, *words: str) -> tuple[str, ...]:
    return stack.pulumi(target.stack, "up", "--yes", "--skip-preview", *words)
