"""The dashboard: one page of charts that shows whether Confab is healthy."""

import json
from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi_gcp import logging, monitoring

from infra.gcp.names import PREFIX, STORE, realtime_of
from infra.gcp.project import Project
from infra.gcp.signals import SIGNALS

WIDTH, HEIGHT, COLUMNS = 6, 4, 12


def run_metric(metric: str, services: str = PREFIX) -> str:
    """Return the filter of a metric of Cloud Run, for the services with this prefix."""
    return (
        f'metric.type="run.googleapis.com/{metric}" AND resource.type="cloud_run_revision"'
        f' AND resource.labels.service_name=starts_with("{services}")'
    )


def counted(metric: str) -> str:
    """Return the filter of a log-based metric of Confab's services."""
    return f'metric.type="logging.googleapis.com/user/{metric}" AND resource.type="cloud_run_revision"'


REQUESTS = run_metric("request_count")
FAILED = f'{REQUESTS} AND metric.labels.response_code_class="5xx"'
UNACKNOWLEDGED = (
    'metric.type="pubsub.googleapis.com/subscription/oldest_unacked_message_age"'
    ' AND resource.type="pubsub_subscription"'
    f' AND resource.labels.subscription_id=starts_with("{PREFIX}")'
)
STORE_CPU = (
    'metric.type="compute.googleapis.com/instance/cpu/utilization" AND resource.type="gce_instance"'
    f' AND metric.labels.instance_name="{STORE}"'
)

CHARTS = (
    ("Requests a second", REQUESTS, "ALIGN_RATE", "REDUCE_SUM"),
    ("Failed requests a second", FAILED, "ALIGN_RATE", "REDUCE_SUM"),
    ("Latency, 95th percentile, ms", run_metric("request_latencies"), "ALIGN_PERCENTILE_95", "REDUCE_MAX"),
    ("Instances", run_metric("container/instance_count"), "ALIGN_MAX", "REDUCE_SUM"),
    (
        "Sockets and requests of the fullest container",
        run_metric("container/max_request_concurrencies", realtime_of("")),
        "ALIGN_PERCENTILE_99",
        "REDUCE_MAX",
    ),
    (
        "CPU of the containers",
        run_metric("container/cpu/utilizations", realtime_of("")),
        "ALIGN_PERCENTILE_95",
        "REDUCE_MAX",
    ),
    ("Oldest unacknowledged event, s", UNACKNOWLEDGED, "ALIGN_MAX", "REDUCE_MAX"),
    *((signal.about, counted(name), "ALIGN_DELTA", "REDUCE_SUM") for name, signal in SIGNALS.items()),
)
"""Title, filter, aligner and reducer, in the order of reading."""
MACHINE = ("CPU of the store's machine", STORE_CPU, "ALIGN_MAX", "REDUCE_MAX")


def _tile(index: int, title: str, metric: str, aligner: str, reducer: str) -> dict[str, Any]:
    """Return a chart with one line for each service of Cloud Run."""
    aggregation = {
        "alignmentPeriod": "60s",
        "perSeriesAligner": aligner,
        "crossSeriesReducer": reducer,
        "groupByFields": ["resource.label.service_name"] if "cloud_run_revision" in metric else [],
    }
    query = {"timeSeriesFilter": {"filter": metric, "aggregation": aggregation}}
    row, column = divmod(index, COLUMNS // WIDTH)
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "xPos": column * WIDTH,
        "yPos": row * HEIGHT,
        "widget": {
            "title": title,
            "xyChart": {"dataSets": [{"plotType": "LINE", "timeSeriesQuery": query}]},
        },
    }


def make_dashboard(project: Project, metrics: Mapping[str, logging.Metric], *, with_machine: bool) -> None:
    """Make the dashboard of the console."""
    charts = (*CHARTS, MACHINE) if with_machine else CHARTS
    tiles = [_tile(index, *chart) for index, chart in enumerate(charts)]
    board = {"displayName": "Confab", "mosaicLayout": {"columns": COLUMNS, "tiles": tiles}}
    monitoring.Dashboard(
        "dashboard",
        project=project.id,
        dashboard_json=json.dumps(board),
        opts=pulumi.ResourceOptions(depends_on=[*project.apis, *metrics.values()]),
    )
