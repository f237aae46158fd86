"""The list of what a deployment needs."""

from collections.abc import Callable
from pathlib import Path

import yaml

from confab.store.schema import NOT_IN_PLACE
from infra.deploy import permissions
from infra.deploy.checks import Check
from infra.deploy.plan import STORE_CHECK, STORE_ENV
from infra.deploy.runner import Runner
from infra.deploy.target import PROGRAM, ROOT, Target

APIS = (
    "artifactregistry.googleapis.com",
    "cloudbuild.googleapis.com",
    "cloudresourcemanager.googleapis.com",
    "iam.googleapis.com",
    "serviceusage.googleapis.com",
)
"""Those that are called before the Pulumi program has enabled the others."""

Look = Callable[[Runner, Target], str | None]


def _tool(name: str) -> Look:
    return lambda runner, _: None if runner.find(name) else "is not on the PATH"


def _file(path: str) -> Look:
    return lambda *_: None if (ROOT / path).exists() else f"{path} is not there"


def packages() -> list[Path]:
    """Where the Pulumi program finds its provider: in the virtual environment that it names."""
    runtime = yaml.safe_load((ROOT / PROGRAM / "Pulumi.yaml").read_text())["runtime"]
    environment = ROOT / PROGRAM / runtime["options"]["virtualenv"]
    return list(environment.glob("lib/python3.*/site-packages/pulumi_gcp"))


def _packages(*_: object) -> str | None:
    return None if packages() else "pulumi_gcp is not installed"


def _answers(*words: str) -> Look:
    """A command that ends well once its {names} are put in."""

    def look(runner: Runner, target: Target) -> str | None:
        answer = runner.ask(*(word.format(project=target.project) for word in words))
        return None if answer.ok else answer.trouble

    return look


def _says(expected: str, otherwise: str, *words: str) -> Look:
    """A command that says just this."""

    def look(runner: Runner, target: Target) -> str | None:
        answer = runner.ask(*(word.format(project=target.project) for word in words))
        if not answer.ok:
            return answer.trouble
        return None if answer.out.strip() == expected else otherwise

    return look


def _account(runner: Runner, _: Target) -> str | None:
    answer = runner.ask("gcloud", "auth", "list", "--filter=status:ACTIVE", "--format=value(account)")
    return None if answer.ok and answer.out.strip() else "nobody is logged in"


def _apis(runner: Runner, target: Target) -> str | None:
    answer = runner.ask(
        "gcloud",
        "services",
        "list",
        "--enabled",
        f"--project={target.project}",
        "--format=value(config.name)",
    )
    if not answer.ok:
        return answer.trouble
    absent = sorted(set(APIS) - set(answer.out.split()))
    return f"not enabled: {', '.join(absent)}" if absent else None


def _store_address(_: Runner, target: Target) -> str | None:
    url = target.env.get("SURREALDB_URL", "")
    return None if url.startswith("wss://") else f"SURREALDB_URL is {url!r}, not a wss:// address"


def _store_account(_: Runner, target: Target) -> str | None:
    absent = [name for name in ("SURREALDB_USER", "SURREALDB_PASSWORD") if not target.env.get(name)]
    return f"{' and '.join(absent)} not set" if absent else None


def _store(runner: Runner, target: Target) -> str | None:
    """A store without the schema will do: the deployment puts it in place."""
    if target.store_elsewhere:
        return None
    answer = runner.ask(*STORE_CHECK, env=STORE_ENV)
    return None if answer.ok or NOT_IN_PLACE in answer.err else answer.trouble


TOOLS = (
    Check("gcloud", _tool("gcloud"), "install the Google Cloud CLI"),
    Check("pulumi", _tool("pulumi"), "install the Pulumi CLI"),
    Check("pulumi login", _answers("pulumi", "whoami"), "pulumi login", ("pulumi",)),
    Check("gcloud login", _account, "gcloud auth login", ("gcloud",)),
    Check(
        "application credentials",
        _answers("gcloud", "auth", "application-default", "print-access-token"),
        "gcloud auth application-default login",
        ("gcloud",),
    ),
    Check(
        "project",
        _says(
            "ACTIVE",
            "is not active",
            "gcloud",
            "projects",
            "describe",
            "{project}",
            "--format=value(lifecycleState)",
        ),
        "gcloud projects create {project}",
        ("gcloud login",),
    ),
)
"""What is needed to change anything, or to take it away again."""

DEPLOYMENT = (
    *TOOLS,
    Check("firebase", _tool("firebase"), "make install"),
    Check("Pulumi's packages", _packages, "make install"),
    Check("the page's bundle", _file("public/app.bundle.js"), "make build"),
    Check("store address", _store_address, "export SURREALDB_URL=wss://…"),
    Check("store account", _store_account, "export SURREALDB_USER=… SURREALDB_PASSWORD=…"),
    Check(
        "store",
        _store,
        "start it, or pass --store-elsewhere if this machine cannot reach it",
        ("store address", "store account"),
    ),
    Check(
        "billing",
        _says(
            "True",
            "is not enabled",
            "gcloud",
            "billing",
            "projects",
            "describe",
            "{project}",
            "--format=value(billingEnabled)",
        ),
        "gcloud billing projects link {project} --billing-account=…",
        ("project",),
    ),
    Check("APIs", _apis, f"gcloud services enable {' '.join(APIS)} --project={{project}}", ("project",)),
    Check(
        "permissions",
        permissions.lacking,
        "have an owner grant them, or roles/owner, to the account in {project}",
        ("project",),
    ),
    Check(
        "firebase login",
        _answers("firebase", "projects:list", "--non-interactive"),
        "firebase login",
        ("firebase",),
    ),
)
"""What a deployment needs."""
