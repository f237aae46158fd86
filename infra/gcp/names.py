"""The names of Confab's resources in Google Cloud, which all begin with `confab`."""

PREFIX = "confab-"
"""The prefix of services, and of the subscriptions that containers create."""
STORE = f"{PREFIX}store"
"""The name of the store's machine, disk, network and account, and the prefix of all that belongs to them."""
BUILDER = f"{PREFIX}build"
"""The account of the builds."""
SCHEMA_JOB = f"{STORE}-schema"
"""The Cloud Run job that migrates the schema, because nothing outside the network reaches the store."""
STAGED = "realtime"
"""The folder of the source's bucket that holds the input of the image's builds."""


def service_of(function: str) -> str:
    """Return the Cloud Run service and account id of a function; neither may contain an underscore."""
    return PREFIX + function.replace("_", "-")


def realtime_of(cell: str) -> str:
    """Return the Cloud Run service and account id of a cell."""
    return f"{PREFIX}realtime-{cell}"
