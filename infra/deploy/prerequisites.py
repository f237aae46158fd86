"""What a deployment needs, as probes that change nothing."""

import asyncio
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass

from confab.store.schema import ABSENT, OLDER
from infra.deploy import hosting, permissions, project, stack
from infra.deploy.plan import STORE_CHECK, STORE_ENV
from infra.deploy.project import Look
from infra.deploy.runner import ASK_S, Runner
from infra.deploy.target import ROOT, Target
from infra.probes.probe import Failure, Group, Probe

DEADLINE_S = 2 * ASK_S


@dataclass(frozen=True, slots=True)
class Prerequisite:
    """One thing that a deployment needs."""

    name: str
    look: Look
    fix: str
    """The command, or what else to do, with {names} of the target."""
    after: tuple[str, ...] = ()

    def probe(self, runner: Runner, target: Target) -> Probe:
        """The probe of a target."""
        fix = self.fix.format(project=target.project, stack=target.stack, site=target.site_id)

        async def run() -> str:
            return await asyncio.to_thread(self.look, runner, target)

        return Probe(self.name, run, fix, DEADLINE_S, self.after)


def group(prerequisites: Iterable[Prerequisite], runner: Runner, target: Target) -> Group:
    """The probes of what a target needs."""
    probes = [each.probe(runner, target) for each in prerequisites]
    return lambda: nullcontext(probes)


def tool(name: str) -> Look:
    """A tool on the PATH."""

    def look(runner: Runner, _: Target) -> str:
        path = runner.find(name)
        if path is None:
            raise Failure("not on PATH")
        return path

    return look


def bundle(*_: object) -> str:
    """The page's JavaScript, as esbuild has bundled it."""
    file = "public/app.bundle.js"
    if not (ROOT / file).exists():
        raise Failure(f"there is no {file}")
    return file


def store_address(_: Runner, target: Target) -> str:
    """An address of the store, encrypted."""
    url = target.env.get("SURREALDB_URL", "")
    if not url.startswith("wss://"):
        raise Failure(f"SURREALDB_URL is {url!r}, not a wss:// address")
    return url


def store_account(_: Runner, target: Target) -> str:
    """Somebody to sign in to the store as."""
    absent = [name for name in ("SURREALDB_USER", "SURREALDB_PASSWORD") if not target.env.get(name)]
    if absent:
        raise Failure(f"{' and '.join(absent)} not set")
    return "SURREALDB_USER and SURREALDB_PASSWORD are set"


def store(runner: Runner, target: Target) -> str:
    """A store; without the schema or with an older one, too, because the deployment migrates it."""
    if target.store_elsewhere:
        return "not probed, because of --store-elsewhere"
    answer = runner.ask(*STORE_CHECK, env=STORE_ENV)
    if not answer.ok and ABSENT not in answer.err and OLDER not in answer.err:
        raise Failure(answer.trouble)
    return answer.trouble


def site(runner: Runner, target: Target) -> str:
    """A Hosting site that serves nothing or Confab."""
    return hosting.require_free(runner, target, target.site_id)


TOOLS = (
    Prerequisite(
        "gcloud", tool("gcloud"), "install the Google Cloud CLI (https://cloud.google.com/sdk/docs/install)"
    ),
    Prerequisite("pulumi", tool("pulumi"), "install the Pulumi CLI (https://www.pulumi.com/docs/install/)"),
    Prerequisite("pulumi login", project.says("pulumi whoami"), "pulumi login", ("pulumi",)),
    Prerequisite(
        "Pulumi's encryption",
        stack.encryption,
        "export PULUMI_CONFIG_PASSPHRASE_FILE=… with a file that holds a passphrase",
        ("pulumi login",),
    ),
    Prerequisite(
        "stack",
        stack.same_project,
        "see `pulumi config --cwd infra/gcp --stack {stack}`, or name another with --stack",
        ("Pulumi's encryption",),
    ),
    Prerequisite("gcloud login", project.account, "gcloud auth login", ("gcloud",)),
    Prerequisite(
        "application credentials",
        project.says("gcloud auth application-default print-access-token"),
        "gcloud auth application-default login",
        ("gcloud",),
    ),
    Prerequisite(
        "project",
        project.says(
            "gcloud projects describe {project} --format=value(lifecycleState)", "not active", "ACTIVE"
        ),
        "gcloud projects create {project}",
        ("gcloud login",),
    ),
)
"""What it takes to change anything, or to destroy it."""

DEPLOYMENT = (
    *TOOLS,
    Prerequisite("firebase", tool("firebase"), "make install"),
    Prerequisite("Pulumi's packages", stack.packages, "make install"),
    Prerequisite("the page's bundle", bundle, "make build"),
    Prerequisite(
        "place", stack.places, "leave it out or unset it; --move goes there all the same", ("stack",)
    ),
    Prerequisite("store address", store_address, "export SURREALDB_URL=wss://…"),
    Prerequisite("store account", store_account, "export SURREALDB_USER=… SURREALDB_PASSWORD=…"),
    Prerequisite(
        "store",
        store,
        "start it, or pass --store-elsewhere if this machine cannot reach it",
        ("store address", "store account"),
    ),
    Prerequisite(
        "billing",
        project.says(
            "gcloud billing projects describe {project} --format=value(billingEnabled)", "not enabled", "True"
        ),
        "gcloud billing projects link {project} --billing-account=…",
        ("project",),
    ),
    Prerequisite(
        "APIs",
        project.apis,
        f"gcloud services enable {' '.join(project.APIS)} --project={{project}}",
        ("project",),
    ),
    Prerequisite(
        "permissions of gcloud",
        permissions.of_gcloud,
        "have an owner of {project} grant them, or roles/owner, to the account of `gcloud auth list`",
        ("gcloud login", "project"),
    ),
    Prerequisite(
        "permissions of the application credentials",
        permissions.of_the_program,
        "have an owner of {project} grant them, or roles/owner, to the account of"
        " `gcloud auth application-default login`",
        ("application credentials", "project"),
    ),
    Prerequisite(
        "site",
        site,
        'give Confab a site of its own beside it: ARGS="--site {project}-chat"; or, if nobody needs what is'
        " there: firebase hosting:disable --project {project} --site {site}",
        ("stack", "APIs", "permissions of gcloud"),
    ),
    Prerequisite(
        "public access",
        project.public,
        "have the organization allow all members in {project}: docs/first-deployment.md, An organization's"
        " policies",
        ("project", "APIs"),
    ),
    Prerequisite(
        "firebase login",
        project.says("firebase projects:list --non-interactive"),
        "firebase login",
        ("firebase",),
    ),
    Prerequisite(
        "web app",
        project.web_app,
        "firebase projects:addfirebase {project} (once), firebase apps:create WEB confab --project {project},"
        " and enable Authentication with Email/Password in the console",
        ("firebase login", "project"),
    ),
)
"""What a deployment needs."""
