"""The alerts: their conditions, and advice for the operator."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pulumi
from pulumi_gcp import logging, monitoring

from infra.gcp.names import PREFIX, realtime_of
from infra.gcp.project import Project


def run_metric(metric: str, services: str = PREFIX) -> str:
    """Return the filter of a metric of Cloud Run, for the services with this prefix."""
    return (
        f'metric.type="run.googleapis.com/{metric}" AND resource.type="cloud_run_revision"'
        f' AND resource.labels.service_name=starts_with("{services}")'
    )


REQUESTS = run_metric("request_count")
FAILED = f'{REQUESTS} AND metric.labels.response_code_class="5xx"'
AWAKE = run_metric("container/instance_count", realtime_of(""))
UNACKNOWLEDGED = (
    'metric.type="pubsub.googleapis.com/subscription/oldest_unacked_message_age"'
    ' AND resource.type="pubsub_subscription"'
    f' AND resource.labels.subscription_id=starts_with("{PREFIX}")'
)


@dataclass(frozen=True, slots=True)
class Alert:
    """A condition, how long it must hold, and advice for the operator."""

    title: str
    filter: str
    above: float
    advice: str
    duration_s: int = 300
    aligner: str = "ALIGN_DELTA"
    over: str | None = None
    """The filter of the denominator, where the value is a share."""
    window_s: int = 300
    """The period that each value covers."""
    while_awake: bool = False
    """Whether the alert fires only while a realtime container has been running for as long."""

    @property
    def conditions(self) -> Sequence["Alert"]:
        """The conditions that must hold at the same time."""
        awake = replace(
            self, title="a container is awake", filter=AWAKE, above=0, aligner="ALIGN_MAX", while_awake=False
        )
        return [self, awake] if self.while_awake else [self]


def counted(metric: str) -> str:
    """Return the filter of a log-based metric of Confab's services."""
    return f'metric.type="logging.googleapis.com/user/{metric}" AND resource.type="cloud_run_revision"'


ALERTS = {
    "error-rate": Alert(
        "Confab: more than 1 % of the requests fail",
        FAILED,
        above=0.01,
        aligner="ALIGN_RATE",
        over=REQUESTS,
        advice="See the logs of the failing service. If many of them have `unavailable`, the store is down.",
    ),
    "defects": Alert(
        "Confab: a defect was logged",
        counted("confab_defects"),
        above=0,
        duration_s=0,
        advice="The log line has a traceback and, for a request, the id that the client received.",
    ),
    "readiness": Alert(
        "Confab: a container is not ready",
        counted("confab_unready"),
        above=0,
        duration_s=120,  # each logs it twice a minute; one that is starting, in fewer than three windows
        window_s=60,
        advice="`missing` in the log line names the store, Firebase Auth's keys or the bus.",
    ),
    "unacknowledged": Alert(
        "Confab: a subscription is not consumed",
        UNACKNOWLEDGED,
        above=60,
        # Within 10 minutes, other containers of the cell delete the subscription of a killed one; without
        # any, it expires after a day, and no room needs its events.
        duration_s=600,
        aligner="ALIGN_MAX",
        while_awake=True,
        advice=(
            "A container runs and receives no events; the sweep serves its rooms. Restart the service."
            " If the cell has no container, a killed one may have left the subscription: delete it."
        ),
    ),
    "sweep-repairs": Alert(
        "Confab: the sweep fills gaps",
        counted("confab_sweep_repairs"),
        above=10,
        advice="Pub/Sub loses or delays events; see its status. Every entry still arrives within 5 s.",
    ),
    "sweep-failures": Alert(
        "Confab: the sweep cannot read the store",
        counted("confab_sweep_failures"),
        above=5,
        advice="Rooms fill no gaps until the store responds. Check the store first.",
    ),
}


def make_alerts(project: Project, metrics: Mapping[str, logging.Metric], emails: Sequence[str]) -> None:
    """Make the alerts, which notify these addresses; without one they show in the console only."""
    channels = [
        monitoring.NotificationChannel(
            f"email-{email}",
            project=project.id,
            display_name=email,
            type="email",
            labels={"email_address": email},
            opts=project.ready,
        )
        for email in emails
    ]
    for name, alert in ALERTS.items():
        monitoring.AlertPolicy(
            name,
            project=project.id,
            display_name=alert.title,
            combiner="AND",
            conditions=[
                {"display_name": each.title, "condition_threshold": _threshold(each)}
                for each in alert.conditions
            ],
            documentation={"content": alert.advice, "mime_type": "text/markdown"},
            notification_channels=[channel.name for channel in channels],
            opts=pulumi.ResourceOptions(depends_on=[*project.apis, *metrics.values()]),
        )


def _threshold(alert: Alert) -> monitoring.AlertPolicyConditionConditionThresholdArgsDict:
    aggregation: monitoring.AlertPolicyConditionConditionThresholdAggregationArgsDict = {
        "alignment_period": f"{alert.window_s}s",
        "per_series_aligner": alert.aligner,
        "cross_series_reducer": "REDUCE_MAX" if alert.aligner == "ALIGN_MAX" else "REDUCE_SUM",
    }
    threshold: monitoring.AlertPolicyConditionConditionThresholdArgsDict = {
        "filter": alert.filter,
        "comparison": "COMPARISON_GT",
        "threshold_value": alert.above,
        "duration": f"{alert.duration_s}s",
        "aggregations": [aggregation],
    }
    if alert.over:
        threshold["denominator_filter"] = alert.over
        threshold["denominator_aggregations"] = [{**aggregation}]
    return threshold
