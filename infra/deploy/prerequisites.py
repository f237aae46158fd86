"""The prerequisites of a deployment, as probes that change nothing."""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

from confab.store.schema import ABSENT, OLDER
from confab.store.users import ROLES, name_of
from infra.deploy import bus, hosting, outlook, permissions, project, stack
from infra.deploy.plan import STORE_CHECK, STORE_ENV
from infra.deploy.project import Check, succeeds
from infra.deploy.runner import ASK_S, Runner
from infra.deploy.target import Target
from infra.gcp.settings import SettingsError
from infra.probes.probe import Failure, Group, Probe

DEADLINE_S = 2 * ASK_S


@dataclass(frozen=True, slots=True)
class Prerequisite:
    """One thing that a deployment needs."""

    name: str
    check: Check
    fix: str
    """A command or an instruction, with {names} of the target."""
    after: tuple[str, ...] = ()

    def probe(self, runner: Runner, target: Target) -> Probe:
        """The probe for a target."""
        fix = self.fix.format(project=target.project, stack=target.stack, page=target.page)

        async def run() -> str:
            return await asyncio.to_thread(self.check, runner, target)

        return Probe(self.name, run, fix, DEADLINE_S, self.after)


def group(prerequisites: Iterable[Prerequisite], runner: Runner, target: Target) -> Group:
    """The probes for a target."""
    probes = [each.probe(runner, target) for each in prerequisites]
    return lambda: nullcontext(probes)


def tool(name: str) -> Check:
    """A tool is on the PATH."""

    def check(runner: Runner, _: Target) -> str:
        path = runner.find(name)
        if path is None:
            raise Failure("not on PATH")
        return path

    return check


def store_address(_: Runner, target: Target) -> str:
    """The store's address is given, and encrypted."""
    url = target.env.get("SURREALDB_URL", "")
    if not url.startswith("wss://"):
        raise Failure(f"SURREALDB_URL is {url!r}, not a wss:// address")
    return url


def store_account(_: Runner, target: Target) -> str:
    """The store's credentials are given."""
    absent = [name for name in stack.PASSWORDS.values() if not target.env.get(name)]
    if absent:
        raise Failure(f"{' and '.join(absent)} not set")
    return ", ".join(name_of(target.env["SURREALDB_USERS"], role) for role in ROLES)


def store(runner: Runner, target: Target) -> str:
    """The store signs in each user, who has its own role and no more.

    Its schema may be absent or older, because the deployment migrates it; then the roles are not tried.
    """
    if target.store_elsewhere:
        return "not probed, because of --store-elsewhere"
    for role in ROLES:
        env = {**STORE_ENV, **stack.account(target.env, role)}
        answer = runner.ask(*STORE_CHECK, "--role", role, env=env)
        if not answer.ok and ABSENT not in answer.err and OLDER not in answer.err:
            raise Failure(answer.trouble)
    return answer.trouble


def settings(_: Runner, target: Target) -> str:
    """The Pulumi program accepts the stack's settings."""
    try:
        wanted = outlook.settings(target)
    except SettingsError as error:
        raise Failure(str(error)) from None
    return f"{wanted.project} in {wanted.region}"


TOOLS = (
    Prerequisite("gcloud", tool("gcloud"), "install it: https://cloud.google.com/sdk/docs/install"),
    Prerequisite("pulumi", tool("pulumi"), "install it: https://www.pulumi.com/docs/install/"),
    Prerequisite("pulumi login", succeeds("pulumi whoami"), "pulumi login", ("pulumi",)),
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
        succeeds("gcloud auth application-default print-access-token"),
        "gcloud auth application-default login",
        ("gcloud",),
    ),
    Prerequisite(
        "project",
        succeeds("gcloud projects describe {project} --format=value(lifecycleState)", "ACTIVE", "not active"),
        "gcloud projects create {project}",
        ("gcloud login",),
    ),
)
"""The prerequisites of every change, destruction included."""

DEPLOYMENT = (
    *TOOLS,
    Prerequisite(
        "location",
        stack.location,
        "omit the option or unset the variable; --move deploys there anyway",
        ("stack",),
    ),
    Prerequisite("settings", settings, "see infra/gcp/settings.py, and --origin and --store", ("stack",)),
    Prerequisite(
        "billing",
        succeeds(
            "gcloud billing projects describe {project} --format=value(billingEnabled)", "True", "not enabled"
        ),
        "gcloud billing projects link {project} --billing-account=…",
        ("project",),
    ),
    Prerequisite("APIs", project.apis, "gcloud services enable", ("project",)),
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
        "public access",
        project.public,
        "have the organization allow all members in {project}: docs/first-deployment.md, An organization's"
        " policies",
        ("project", "APIs"),
    ),
)
"""The prerequisites of a deployment."""

STORE = (
    Prerequisite("store address", store_address, "export SURREALDB_URL=wss://…"),
    Prerequisite(
        "store account",
        store_account,
        "define its users and export their passwords: docs/first-deployment.md, A store of your own",
    ),
    Prerequisite(
        "store",
        store,
        "start it, or pass --store-elsewhere if this machine cannot reach it; or --store managed",
        ("store address", "store account"),
    ),
)
"""The further prerequisites of a store that is the operator's."""

PAGE = (
    Prerequisite(
        "page's site",
        hosting.require_own,
        "let the page have a site of its own: --page, or --page NAME; or, if nobody needs that app:"
        " firebase hosting:disable --project {project} --site {page}",
        ("stack", "APIs", "permissions of gcloud"),
    ),
    Prerequisite("firebase", tool("firebase"), "make install"),
    Prerequisite(
        "firebase login",
        succeeds("firebase projects:list --non-interactive"),
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
"""The further prerequisites of the demonstration page."""

BUS = (
    Prerequisite(
        "others' subscriptions",
        bus.subscriptions,
        "give Confab a project of its own, or move these: docs/deploy.md, Who may use the bus",
        ("project", "APIs"),
    ),
    Prerequisite(
        "others who publish",
        bus.publishers,
        "gcloud projects remove-iam-policy-binding {project} --member=… --role=…",
        ("project", "APIs"),
    ),
)
"""What deploy-check looks at besides, and no deployment waits for."""


def deployment(target: Target) -> Sequence[Prerequisite]:
    """The prerequisites of a deployment to this target."""
    return (*DEPLOYMENT, *(() if target.managed else STORE), *(PAGE if target.page else ()))
