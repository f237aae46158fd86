"""The expiry of conversations: a function that only Cloud Scheduler may invoke, and its daily job."""

import pulumi
from pulumi_gcp import cloudscheduler

from confab.http.routes import EXPIRY
from infra.gcp.functions import Functions
from infra.gcp.identities import let_invoke
from infra.gcp.names import PREFIX, service_of
from infra.gcp.project import enable
from infra.gcp.settings import EXPIRY_TIMEOUT_S

SCHEDULER = f"{PREFIX}scheduler"
"""The account as which Cloud Scheduler invokes the function."""
DAILY = "0 3 * * *"
RETRIES = 3


def make_retention(functions: Functions) -> None:
    """Make the function, the account that may invoke it, and the job, which sends its OIDC token."""
    shared, service = functions.shared, service_of(EXPIRY)
    project = shared.project
    api = enable(project.id, "cloudscheduler")
    identity = shared.identity(service, f"Confab function {EXPIRY}", "editor")
    shared.grants.publish(identity, shared.topics)
    alone = functions.scale.model_copy(update={"min_instances": 0, "max_instances": 1})
    about = "Deletes conversations after CONFAB_RETENTION_DAYS without activity"
    function = functions.make(EXPIRY, about, identity, alone, EXPIRY_TIMEOUT_S)
    scheduler = shared.grants.identity(SCHEDULER, "Confab: Cloud Scheduler invokes the expiry")
    invoker = let_invoke(project, f"{SCHEDULER}-invoker", function.name, scheduler.member)
    uri = function.service_config.uri
    cloudscheduler.Job(
        service,
        project=project.id,
        region=project.region,
        name=service,
        description=about,
        schedule=DAILY,
        time_zone="Etc/UTC",
        attempt_deadline=f"{EXPIRY_TIMEOUT_S}s",
        retry_config={"retry_count": RETRIES},
        http_target={
            "http_method": "POST",
            "uri": uri,
            "oidc_token": {"service_account_email": scheduler.account.email, "audience": uri},
        },
        opts=pulumi.ResourceOptions(depends_on=[api, invoker]),
    )
