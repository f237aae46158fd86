"""What things are called in the cloud. Everything of ours begins with `confab`."""

PREFIX = "confab-"
"""Names of services, and of the subscriptions that containers make."""
STAGED = "realtime"
"""The folder of the source's bucket where the image's builds find what they are made of."""


def service_of(function: str) -> str:
    """The Cloud Run service of a function of the route table, and the id of its service account.

    Cloud Run allows no underscore in a name.
    """
    return PREFIX + function.replace("_", "-")


def realtime_of(cell: str) -> str:
    """The Cloud Run service of a cell, and the id of its service account."""
    return f"{PREFIX}realtime-{cell}"


def url_of(service: str, project_number: str, region: str) -> str:
    """The address of a Cloud Run service, known before the service is made."""
    return f"https://{service}-{project_number}.{region}.run.app"
