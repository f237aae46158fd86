"""The alerts: few conditions, because Google bills each by the month, that cover many signals.

A policy has one condition, a PromQL query that joins a comparison for each signal. Each result has the
label `alert`, so every signal opens an incident of its own.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pulumi
from pulumi_gcp import compute, logging, monitoring

from confab.domain.errors import ERRORS
from infra.gcp.project import Project
from infra.gcp.promql import FAILED, MACHINE, UNACKNOWLEDGED, counted, of_containers, requests, series
from infra.gcp.signals import SIGNALS

EVALUATED_EVERY_S = 60
"""Google bills each comparison of each evaluation."""
INSTANCE, MOUNTED = "THE-MACHINE", "noatime"
"""The store's machine, until its id is known, and the option that only its data is mounted with."""


def _refused(status: int) -> str:
    codes = "|".join(code for code, kind in ERRORS.items() if kind.status == status)
    return counted("confab_refusals", f'code=~"{codes}"', suffix=SIGNALS["confab_refusals"].suffix)


def _disk(states: str) -> str:
    labels = f'instance_id="{INSTANCE}"', f'mount_option=~".*{MOUNTED}.*"', f'state=~"{states}"'
    return f"sum({series('compute.googleapis.com/guest/disk/bytes_used', MACHINE, *labels)})"


EXPRESSIONS = {
    "requests": requests(),
    "failed": requests(FAILED),
    "defects": counted("confab_defects"),
    "unready": counted("confab_unready", minutes=2),
    "sweep_failures": counted("confab_sweep_failures"),
    "sweep_repairs": counted("confab_sweep_repairs"),
    "unauthenticated": _refused(401),
    "forbidden": _refused(403),
    "rate_limited": _refused(429),
    "revocations": counted("confab_revocations", suffix=SIGNALS["confab_revocations"].suffix),
    "unacknowledged": UNACKNOWLEDGED,
    "containers": of_containers("container/instance_count"),
    "disk_used": _disk("used"),
    "disk": _disk("used|free"),
}
"""What the queries of alerts.toml compare."""
OF_MACHINE = "store-disk"
"""The alert on the store's machine."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Alerts of one severity, as alerts.toml has them."""

    title: str
    severity: str
    duration_s: int
    alerts: Mapping[str, Mapping[str, str]]

    @property
    def query(self) -> str:
        """The query of the only condition."""
        queries = {name: alert["query"].format(**EXPRESSIONS) for name, alert in self.alerts.items()}
        return " or ".join(f'label_replace({q}, "alert", "{name}", "", "")' for name, q in queries.items())

    @property
    def advice(self) -> str:
        """Markdown for the incident, whose label `alert` names the line to read."""
        return "\n".join(f"- **{name}**: {alert['advice']}" for name, alert in self.alerts.items())


def policies(*, with_machine: bool) -> Mapping[str, Policy]:
    """Return the policies of a deployment whose store runs on a machine of its own, or elsewhere."""
    found = tomllib.loads(Path(__file__).with_name("alerts.toml").read_text("utf-8"))
    if not with_machine:
        del found["degraded"]["alerts"][OF_MACHINE]
    return {name: Policy(**each) for name, each in found.items()}


def make_channels(project: Project, emails: Sequence[str]) -> Sequence[monitoring.NotificationChannel]:
    """Make the channels that notify these addresses."""
    return [
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


def make_alerts(
    project: Project,
    metrics: Mapping[str, logging.Metric],
    channels: Sequence[monitoring.NotificationChannel],
    machine: compute.Instance | None,
) -> None:
    """Make the alerts, which notify these channels; without one they show in the console only."""
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
