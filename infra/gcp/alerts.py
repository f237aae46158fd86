"""The alerts: when somebody is notified, and what to do then."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pulumi
from pulumi_gcp import logging, monitoring

from infra.gcp.names import PREFIX, realtime_of
from infra.gcp.project import Project
from infra.gcp.signals import metric_type

REQUESTS = (
    'metric.type="run.googleapis.com/request_count" AND resource.type="cloud_run_revision"'
    f' AND resource.labels.service_name=starts_with("{PREFIX}")'
)
FAILED = f'{REQUESTS} AND metric.labels.response_code_class="5xx"'
UNACKNOWLEDGED = (
    'metric.type="pubsub.googleapis.com/subscription/oldest_unacked_message_age"'
    ' AND resource.type="pubsub_subscription"'
    f' AND resource.labels.subscription_id=starts_with("{PREFIX}")'
)
AWAKE = (
    'metric.type="run.googleapis.com/container/instance_count" AND resource.type="cloud_run_revision"'
    f' AND resource.labels.service_name=starts_with("{realtime_of("")}")'
)


@dataclass(frozen=True, slots=True)
class Alert:
    """A condition, for how long it must hold, and what to do then."""

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
    """Whether it counts only while a realtime container has been running for as long."""

    @property
    def conditions(self) -> Sequence["Alert"]:
        """What must hold at the same time."""
        awake = replace(
            self, title="a container is awake", filter=AWAKE, above=0, aligner="ALIGN_MAX", while_awake=False
        )
        return [self, awake] if self.while_awake else [self]


def counted(metric: str) -> str:
    """A log-based metric of our services."""
    return f'metric.type="{metric_type(metric)}" AND resource.type="cloud_run_revision"'


ALERTS = {
    "error-rate": Alert(
        "Confab: more than 1 % of the requests fail",
        FAILED,
        above=0.01,
        aligner="ALIGN_RATE",
        over=REQUESTS,
        advice="See the logs of the failing service. `unavailable` in many of them: the store is down.",
    ),
    "defects": Alert(
        "Confab: a defect was logged",
        counted("confab_defects"),
        above=0,
        duration_s=0,
        advice="The line has a traceback, and for a request the id that the client received.",
    ),
    "readiness": Alert(
        "Confab: a container is not ready",
        counted("confab_unready"),
        above=0,
        duration_s=120,  # each logs it twice a minute: in three windows on end, it is not just starting
        window_s=60,
        advice="The line's `missing` names it: the store, Firebase Auth's keys, or the bus.",
    ),
    "unacknowledged": Alert(
        "Confab: a subscription is not read",
        UNACKNOWLEDGED,
        above=60,
        # Other containers of the cell delete the subscription of a killed one before that; with none
        # awake it stays for a day, and nobody misses its events.
        duration_s=600,
        aligner="ALIGN_MAX",
        while_awake=True,
        advice=(
            "A container runs and reads no events; the sweep serves its rooms. Restart the service."
            " If the cell sleeps while others are awake, a killed container may have left this: delete it."
        ),
    ),
    "sweep-repairs": Alert(
        "Confab: the sweep repairs rooms",
        counted("confab_sweep_repairs"),
        above=10,
        advice="Pub/Sub loses or delays events; see its status. Entries arrive within 5 s and none is lost.",
    ),
    "sweep-failures": Alert(
        "Confab: the sweep cannot read the store",
        counted("confab_sweep_failures"),
        above=5,
        advice="Rooms do not recover until the store responds. Look at the store first.",
    ),
}


def make_alerts(project: Project, metrics: Sequence[logging.Metric], emails: Sequence[str]) -> None:
    """The alerts, sent to these addresses; without one they show in the console only."""
    channels = [
        monitoring.NotificationChannel(
            f"email-{email}",
            monitoring.NotificationChannelArgs(
                project=project.id, display_name=email, type="email", labels={"email_address": email}
            ),
            project.ready,
        )
        for email in emails
    ]
    for name, alert in ALERTS.items():
        monitoring.AlertPolicy(
            name,
            monitoring.AlertPolicyArgs(
                project=project.id,
                display_name=alert.title,
                combiner="AND",
                conditions=[
                    monitoring.AlertPolicyConditionArgs(
                        display_name=each.title, condition_threshold=_threshold(each)
                    )
                    for each in alert.conditions
                ],
                documentation=monitoring.AlertPolicyDocumentationArgs(
                    content=alert.advice, mime_type="text/markdown"
                ),
                notification_channels=[channel.name for channel in channels],
            ),
            pulumi.ResourceOptions(depends_on=[*project.apis, *metrics]),
        )


def _threshold(alert: Alert) -> monitoring.AlertPolicyConditionConditionThresholdArgs:
    aggregation = {
        "alignment_period": f"{alert.window_s}s",
        "per_series_aligner": alert.aligner,
        "cross_series_reducer": "REDUCE_MAX" if alert.aligner == "ALIGN_MAX" else "REDUCE_SUM",
    }
    denominator = monitoring.AlertPolicyConditionConditionThresholdDenominatorAggregationArgs(**aggregation)
    return monitoring.AlertPolicyConditionConditionThresholdArgs(
        filter=alert.filter,
        comparison="COMPARISON_GT",
        threshold_value=alert.above,
        duration=f"{alert.duration_s}s",
        aggregations=[monitoring.AlertPolicyConditionConditionThresholdAggregationArgs(**aggregation)],
        denominator_filter=alert.over,
        denominator_aggregations=[denominator] if alert.over else None,
    )
