"""The metrics that alerts and the dashboard read, in PromQL."""

import re

from infra.gcp.names import PREFIX, realtime_of

RUN, BUS, MACHINE = "cloud_run_revision", "pubsub_subscription", "gce_instance"
"""The monitored resources."""
FAILED = 'response_code_class="5xx"'


def series(metric: str, resource: str, *labels: str, suffix: str = "") -> str:
    """Return a metric's selector, whose name Cloud Monitoring derives from its own."""
    name = re.sub(r"[^\w:]", "_", metric.replace("/", ":", 1)) + suffix
    matchers = ",".join([f'monitored_resource="{resource}"', *labels])
    return f"{name}{{{matchers}}}"


def of_services(metric: str, *labels: str, services: str = PREFIX, suffix: str = "") -> str:
    """Return the selector of a metric of Cloud Run, for the services with this prefix."""
    ours = f'service_name=~"{services}.*"'
    return series(f"run.googleapis.com/{metric}", RUN, ours, *labels, suffix=suffix)


def of_containers(metric: str, suffix: str = "") -> str:
    """Return the selector of a metric of the realtime containers."""
    return of_services(metric, services=realtime_of(""), suffix=suffix)


def requests(*labels: str) -> str:
    """Return the requests a second of functions and containers."""
    return f"rate({of_services('request_count', *labels)}[5m])"


def counted(metric: str, *labels: str, minutes: int = 5, suffix: str = "") -> str:
    """Return the increase of a log-based metric of Confab's services."""
    selector = series(f"logging.googleapis.com/user/{metric}", RUN, *labels, suffix=suffix)
    return f"increase({selector}[{minutes}m])"


UNACKNOWLEDGED = series(
    "pubsub.googleapis.com/subscription/oldest_unacked_message_age", BUS, f'subscription_id=~"{PREFIX}.*"'
)
