"""The alerts: few conditions, because Google bills each by the month, that cover many signals.

A policy has one condition, a PromQL query that joins a comparison for each signal. Each result has the
label `alert`, so every signal opens an incident of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import pulumi
from pulumi_gcp import compute, logging, monitoring

from infra.gcp.project import Project
from infra.gcp.promql import FAILED, MACHINE, UNACKNOWLEDGED, counted, of_containers, requests, series

EVALUATED_EVERY_S = 60
"""Google bills each comparison of each evaluation."""
INSTANCE, MOUNTED = "THE-MACHINE", "noatime"
"""The store's machine, until its id is known, and the option that only its data is mounted with."""


@dataclass(frozen=True, slots=True)
class Alert:
    """A signal: a PromQL comparison with at most one result, and advice for the operator."""

    name: str
    query: str
    advice: str


@dataclass(frozen=True, slots=True)
class Policy:
    """Alerts of one severity, which fire when their comparison has held for `duration_s`."""

    title: str
    severity: str
    duration_s: int
    alerts: Sequence[Alert]

    @property
    def query(self) -> str:
        """The query of the only condition."""
        return " or ".join(f'label_replace({a.query}, "alert", "{a.name}", "", "")' for a in self.alerts)

    @property
    def advice(self) -> str:
        """Markdown for the incident, whose label `alert` names the line to read."""
        return "\n".join(f"- **{alert.name}**: {alert.advice}" for alert in self.alerts)


FAILING = Policy(
    "Confab fails",
    "CRITICAL",
    120,
    (
        Alert(
            "error-rate",
            f"sum({requests(FAILED)}) / sum({requests()}) > 0.01",
            "More than 1 % of the requests fail. See the logs of the failing service. If many of them have"
            " `unavailable`, the store is down.",
        ),
        Alert(
            "defects",
            f"sum({counted('confab_defects')}) > 0",
            "A defect was logged. The line has a traceback and, for a request, the id that the client"
            " received.",
        ),
        Alert(
            "readiness",
            f"sum({counted('confab_unready', 2)}) > 2",  # each logs it twice a minute; one that starts, less
            "A container is not ready. `missing` in the log line names the store, Firebase Auth's keys or"
            " the bus.",
        ),
        Alert(
            "sweep-failures",
            f"sum({counted('confab_sweep_failures')}) > 5",
            "The sweep cannot read the store; rooms fill no gaps until it responds. Check the store first.",
        ),
    ),
)
DEGRADED = Policy(
    "Confab is degraded",
    "WARNING",
    # Within 10 minutes, other containers of the cell delete the subscription of a killed one; without
    # any, it expires after a day, and no room needs its events.
    600,
    (
        Alert(
            "unacknowledged",
            f"max({UNACKNOWLEDGED}) > 60 and max({of_containers('container/instance_count')}) > 0",
            "A container runs and receives no events; the sweep serves its rooms. Restart the service. If the"
            " cell has no container, a killed one may have left the subscription: delete it.",
        ),
        Alert(
            "sweep-repairs",
            f"sum({counted('confab_sweep_repairs')}) > 10",
            "The sweep fills gaps: Pub/Sub loses or delays events; see its status. Every entry still arrives"
            " within 5 s.",
        ),
    ),
)


def _disk(states: str) -> str:
    labels = f'instance_id="{INSTANCE}"', f'mount_option=~".*{MOUNTED}.*"', f'state=~"{states}"'
    return f"sum({series('compute.googleapis.com/guest/disk/bytes_used', MACHINE, *labels)})"


STORE_DISK = Alert(
    "store-disk",
    f"{_disk('used')} / {_disk('used|free')} > 0.8",
    "The store's disk is more than 80 % full. Enlarge it: docs/operations.md, The store's machine.",
)


def policies(*, with_machine: bool) -> Mapping[str, Policy]:
    """Return the policies of a deployment whose store runs on a machine of its own, or elsewhere."""
    disk = (STORE_DISK,) if with_machine else ()
    return {"failing": FAILING, "degraded": replace(DEGRADED, alerts=(*DEGRADED.alerts, *disk))}


def make_alerts(
    project: Project,
    metrics: Mapping[str, logging.Metric],
    emails: Sequence[str],
    machine: compute.Instance | None,
) -> None:
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
    instance = machine.instance_id if machine else pulumi.Output.from_input("")
    for name, policy in policies(with_machine=machine is not None).items():
        condition: monitoring.AlertPolicyConditionConditionPrometheusQueryLanguageArgsDict = {
            "query": instance.apply(partial(policy.query.replace, INSTANCE)),
            "duration": f"{policy.duration_s}s",
            "evaluation_interval": f"{EVALUATED_EVERY_S}s",
            "disable_metric_validation": True,  # a new project has none of the metrics yet
        }
        monitoring.AlertPolicy(
            name,
            project=project.id,
            display_name=policy.title,
            severity=policy.severity,
            combiner="OR",
            conditions=[{"display_name": name, "condition_prometheus_query_language": condition}],
            documentation={"content": policy.advice, "mime_type": "text/markdown"},
            notification_channels=[channel.name for channel in channels],
            opts=pulumi.ResourceOptions(depends_on=[*project.apis, *metrics.values()]),
        )
