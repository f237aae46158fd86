"""The list of what a deployment needs."""

from infra.deploy import looks, permissions, site
from infra.deploy.checks import Check

TOOLS = (
    Check("gcloud", looks.tool("gcloud"), "install the Google Cloud CLI"),
    Check("pulumi", looks.tool("pulumi"), "install the Pulumi CLI"),
    Check("pulumi login", looks.answers("pulumi", "whoami"), "pulumi login", ("pulumi",)),
    Check(
        "Pulumi's encryption",
        looks.encryption,
        "export PULUMI_CONFIG_PASSPHRASE_FILE=… with a file that holds a passphrase",
        ("pulumi login",),
    ),
    Check(
        "stack",
        looks.same_project,
        "see `pulumi config --cwd infra/gcp --stack {stack}`, or name another with --stack",
        ("Pulumi's encryption",),
    ),
    Check("gcloud login", looks.account, "gcloud auth login", ("gcloud",)),
    Check(
        "application credentials",
        looks.answers("gcloud", "auth", "application-default", "print-access-token"),
        "gcloud auth application-default login",
        ("gcloud",),
    ),
    Check(
        "project",
        looks.says(
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
    Check("firebase", looks.tool("firebase"), "make install"),
    Check("Pulumi's packages", looks.installed, "make install"),
    Check("the page's bundle", looks.file("public/app.bundle.js"), "make build"),
    Check("place", looks.places, "leave it out or unset it; --move goes there all the same", ("stack",)),
    Check("store address", looks.store_address, "export SURREALDB_URL=wss://…"),
    Check("store account", looks.store_account, "export SURREALDB_USER=… SURREALDB_PASSWORD=…"),
    Check(
        "store",
        looks.store,
        "start it, or pass --store-elsewhere if this machine cannot reach it",
        ("store address", "store account"),
    ),
    Check(
        "billing",
        looks.says(
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
    Check(
        "APIs",
        looks.apis,
        f"gcloud services enable {' '.join(looks.APIS)} --project={{project}}",
        ("project",),
    ),
    Check(
        "permissions of gcloud",
        permissions.of_gcloud,
        "have an owner of {project} grant them, or roles/owner, to the account of `gcloud auth list`",
        ("gcloud login", "project"),
    ),
    Check(
        "permissions of the application credentials",
        permissions.of_the_program,
        "have an owner of {project} grant them, or roles/owner, to the account of"
        " `gcloud auth application-default login`",
        ("application credentials", "project"),
    ),
    Check(
        "site",
        site.free,
        'name another one, which is made beside it: ARGS="--site {project}-chat"; or, if nobody needs what is'
        " there: firebase hosting:disable --project {project} --site {site}",
        ("stack", "APIs", "permissions of gcloud"),
    ),
    Check(
        "public access",
        looks.public,
        "have the organization allow all members in {project}: docs/deploy.md, An organization's policies",
        ("project", "APIs"),
    ),
    Check(
        "firebase login",
        looks.answers("firebase", "projects:list", "--non-interactive"),
        "firebase login",
        ("firebase",),
    ),
    Check(
        "web app",
        looks.web_app,
        "firebase projects:addfirebase {project} (once), firebase apps:create WEB confab --project {project},"
        " and switch on Authentication with Email/Password in the console",
        ("firebase login", "project"),
    ),
)
"""What a deployment needs."""
