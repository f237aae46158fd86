"""The deploy command's assumptions about the Pulumi program hold for its resources."""

from fnmatch import fnmatch

import pytest

from infra.deploy import permissions, plan
from infra.deploy.stack import PASSWORDS
from infra.deploy.target import Target
from infra.gcp.names import BUILDER
from tests.infra.deployment import BASE, FULL, SECRETS, Deployment, Resource, deployed

TARGET = Target(
    "confab-trial",
    "europe-west1",
    "production",
    "trial-site",
    {"SURREALDB_URL": "wss://db.example", "SURREALDB_USERS": "u", **dict.fromkeys(PASSWORDS.values(), "p")},
)
PATTERNS = [pattern.replace("**", "*") for pattern in plan.BEFORE_THE_IMAGE]


@pytest.fixture(scope="module")
def made() -> Deployment:
    """The program's resources for the settings that the command writes."""
    (plain,) = (one.words for one in plan.settings(TARGET) if "set-all" in one.words)
    return deployed(dict(word.split("=", 1) for word in plain if "=" in word))


def test_the_secrets_are_those_of_the_program():
    written = {one.words[4] for one in plan.settings(TARGET) if "--secret" in one.words}
    assert written == set(SECRETS)


def test_the_outputs_have_the_addresses(made):
    assert made.outputs["webUrl"] == "https://trial-site.web.app"
    assert all(url.startswith("https://") for url in made.outputs["realtimeUrls"])
    assert TARGET.images.startswith(made.outputs["repository"])


def test_the_permissions_of_every_resource_type_are_probed():
    made = {f"{one.module}/{one.type}" for config in (BASE, FULL) for one in deployed(config).resources}
    assert made == permissions.CREATION.keys()
    assert all(permissions.CREATION.values())


def test_the_builds_account_and_repository_are_created_before_it(made):
    early = [one for one in made.resources if any(fnmatch(urn(one), pattern) for pattern in PATTERNS)]
    kinds = {"Service", "Repository", "Bucket", "Account", "IAMMember", "RepositoryIamMember"}
    assert {one.type for one in early} == kinds
    assert made.one(f"Account/{BUILDER}") in early
    grants = [one for one in made.resources if one.name.startswith(f"{BUILDER}-")]
    assert all(one in early and "roles/" in one.inputs["role"] for one in grants)


def test_the_build_runs_as_its_account_from_the_bucket_that_it_may_read(made):
    bucket = made.one("Bucket/source").inputs["name"]
    _, build = plan.build(TARGET, f"{TARGET.images}:tag", bucket.rpartition("-")[2])
    assert f"--gcs-source-staging-dir=gs://{bucket}/realtime" in build.words
    account = made.one(f"Account/{BUILDER}").inputs["accountId"]
    email = f"{account}@confab-trial.iam.gserviceaccount.com"
    assert f"--service-account=projects/confab-trial/serviceAccounts/{email}" in build.words
    (reader,) = (
        one.inputs["condition"]["expression"]
        for one in made.all("IAMMember")
        if one.name.startswith(BUILDER) and one.inputs["role"] == "roles/storage.objectViewer"
    )
    assert f"buckets/{bucket}" in reader


def urn(resource: Resource) -> str:
    """A resource's, as far as the command's patterns go."""
    kind = resource.type
    return f"gcp:{resource.module}/{kind[0].lower()}{kind[1:]}:{kind}::{resource.name}"
