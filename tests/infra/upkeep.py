"""What keeps a deployment well and cheap: checks that return what is wrong, as lines of text."""

import json
from collections.abc import Iterator
from typing import Any

from infra.gcp.signals import SIGNALS
from tests.infra.deployment import Deployment

LINES = 'log_id("run.googleapis.com/stderr") AND jsonPayload.logger:*'
BOUNDS = {
    "error-rate": [(0.01, "300s", "300s")],
    "defects": [(0, "0s", "300s")],
    "readiness": [(0, "120s", "60s")],
    "unacknowledged": [(60, "600s", "300s"), (0, "600s", "300s")],
    "sweep-repairs": [(10, "300s", "300s")],
    "sweep-failures": [(5, "300s", "300s")],
}
"""What each condition of an alert is about."""


def everything_is_watched(made: Deployment) -> Iterator[str]:
    """A metric for each signal, an alert and a chart on each, and those of Google that matter."""
    metrics = {metric.inputs["name"]: metric.inputs["filter"] for metric in made.all("Metric")}
    if metrics != {name: signal.filter for name, signal in SIGNALS.items()}:
        yield f"metrics: {sorted(metrics)}"
    if any(LINES not in each for each in metrics.values()):
        yield "a metric counts lines that are not Confab's"
    for alert in made.all("AlertPolicy"):
        found = [bounds(each["conditionThreshold"]) for each in alert.inputs["conditions"]]
        if found != BOUNDS.get(alert.name):
            yield f"{alert.name}: {found}"
    alerts = " ".join(json.dumps(alert.inputs["conditions"]) for alert in made.all("AlertPolicy"))
    boards = " ".join(board.inputs["dashboardJson"] for board in made.all("Dashboard"))
    for wanted in (
        *(f"logging.googleapis.com/user/{name}" for name in SIGNALS),
        "run.googleapis.com/request_count",
        "pubsub.googleapis.com/subscription/oldest_unacked_message_age",
    ):
        if wanted not in alerts:
            yield f"no alert on {wanted}"
        if wanted not in boards:
            yield f"no chart of {wanted}"
    channels = {
        f"projects/{made.project}/notificationChannels/{each.inputs['displayName']}"
        for each in made.all("NotificationChannel")
    }
    for alert in made.all("AlertPolicy"):
        if set(alert.inputs.get("notificationChannels", [])) != channels:
            yield f"{alert.name}: does not tell {sorted(channels)}"


def bounds(threshold: dict[str, Any]) -> tuple[float, str, str]:
    """Above which value, for how long, of which windows."""
    return (
        threshold["thresholdValue"],
        threshold["duration"],
        threshold["aggregations"][0]["alignmentPeriod"],
    )


def what_is_old_goes(made: Deployment) -> Iterator[str]:
    """Images and what they were built from, but for those that run or a rollback needs."""
    policies = made.one("Repository", "images").inputs["cleanupPolicies"]
    kept = [each["mostRecentVersions"] for each in policies if each["action"] == "KEEP"]
    counts = {tuple(each.get("packageNamePrefixes", ())): each["keepCount"] for each in kept}
    if counts != {(): 2, ("realtime",): 10}:
        yield f"images kept: {counts}"
    if [each["condition"] for each in policies if each["action"] == "DELETE"] != [{"olderThan": "604800s"}]:
        yield f"images: {policies}"
    if made.one("Bucket", "source").inputs.get("lifecycleRules") != [
        {"action": {"type": "Delete"}, "condition": {"age": 1, "matchesPrefixes": ["realtime/"]}}
    ]:
        yield "the sources of old builds stay"
