"""When somebody is told, and what they are told to do."""

from collections.abc import Sequence
from dataclasses import dataclass

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
WINDOW_S = 300


@dataclass(frozen=True, slots=True)
class Alert:
    """A condition, for how long it must hold, and what to do then."""

    title: str
    filter: str
    above: float
    duration_s: int
    aligner: str
    advice: str
    over: str | None = None
    """The filter of what the first one is a share of."""
    window_s: int = WINDOW_S
    """Over how long each value is taken."""
    while_awake: bool = False
    """Whether it counts only where a realtime container has been there for as long."""


def counted(metric: str) -> str:
    """A log-based metric of our services."""
    return f'metric.type="{metric_type(metric)}" AND resource.type="cloud_run_revision"'


ALERTS = {
    "error-rate": Alert(
        "Confab: more than 1 % of the requests fail",
        FAILED,
        above=0.01,
        duration_s=300,
        aligner="ALIGN_RATE",
        over=REQUESTS,
        advice="See the logs of the failing service. `unavailable` in many of them: the store is away.",
    ),
    "defects": Alert(
        "Confab: a defect was logged",
        counted("confab_defects"),
        above=0,
        duration_s=0,
        aligner="ALIGN_DELTA",
        advice="The line has a traceback, and for a request the id that the client was told.",
    ),
    "readiness": Alert(
        "Confab: a container is not ready",
        counted("confab_unready"),
        above=0,
        duration_s=120,  # each says so twice a minute: in three windows on end, it is not just starting
        window_s=60,
        aligner="ALIGN_DELTA",
        advice="The line's `missing` names it: the store, Firebase Auth's keys, or the bus.",
    ),
    "unacknowledged": Alert(
        "Confab: a subscription is not read",
        UNACKNOWLEDGED,
        above=60,
        # That of a process that was killed is deleted before that by the others of its cell. With none
        # awake it stays for a day, and nobody misses what it holds.
        duration_s=600,
        aligner="ALIGN_MAX",
        while_awake=True,
        advice=(
            "A container lives and reads no events; its rooms live from the sweep. Restart the service."
            " Of a cell that sleeps while others are awake, a killed container may have left this: delete it."
        ),
    ),
    "sweep-repairs": Alert(
        "Confab: rooms live from the sweep",
        counted("confab_sweep_repairs"),
        above=10,
        duration_s=300,
        aligner="ALIGN_DELTA",
        advice="Pub/Sub loses or delays events; see its status. Entries arrive within 5 s and none is lost.",
    ),
    "sweep-failures": Alert(
        "Confab: the sweep cannot read the store",
        counted("confab_sweep_failures"),
        above=5,
        duration_s=300,
        aligner="ALIGN_DELTA",
        advice="Rooms do not heal until the store answers. Look at the store first.",
    ),
}


def make_alerts(project: Project, metrics: Sequence[logging.Metric], emails: Sequence[str]) -> None:
    """The alerts, told to these addresses; without one they show in the console only."""
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
                    for each in _conditions(alert)
                ],
                documentation=monitoring.AlertPolicyDocumentationArgs(
                    content=alert.advice, mime_type="text/markdown"
                ),
                notification_channels=[channel.name for channel in channels],
            ),
            pulumi.ResourceOptions(depends_on=[*project.apis, *metrics]),
        )


def _conditions(alert: Alert) -> Sequence[Alert]:
    """What must hold at the same time."""
    if not alert.while_awake:
        return [alert]
    awake = Alert("a container is awake", AWAKE, 0, alert.duration_s, "ALIGN_MAX", alert.advice)
    return [alert, awake]


def _threshold(alert: Alert) -> monitoring.AlertPolicyConditionConditionThresholdArgs:
    return monitoring.AlertPolicyConditionConditionThresholdArgs(
        filter=alert.filter,
        comparison="COMPARISON_GT",
        threshold_value=alert.above,
        duration=f"{alert.duration_s}s",
        aggregations=[
            monitoring.AlertPolicyConditionConditionThresholdAggregationArgs(
                alignment_period=f"{alert.window_s}s",
                per_series_aligner=alert.aligner,
                cross_series_reducer=_reducer(alert),
            )
        ],
        denominator_filter=alert.over,
        denominator_aggregations=[
            monitoring.AlertPolicyConditionConditionThresholdDenominatorAggregationArgs(
                alignment_period=f"{alert.window_s}s",
                per_series_aligner=alert.aligner,
                cross_series_reducer=_reducer(alert),
            )
        ]
        if alert.over
        else None,
    )


def _reducer(alert: Alert) -> str:
    return "REDUCE_MAX" if alert.aligner == "ALIGN_MAX" else "REDUCE_SUM"
