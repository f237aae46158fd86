"""One page that shows whether Confab is well."""

import json
from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi_gcp import logging, monitoring

from infra.gcp.alerts import FAILED, REQUESTS, UNACKNOWLEDGED, counted
from infra.gcp.names import PREFIX, realtime_of
from infra.gcp.project import Project
from infra.gcp.signals import SIGNALS

BY_SERVICE = "resource.label.service_name"
WIDTH, HEIGHT = 6, 4
COLUMNS = 12
_CONTAINERS = (
    f'resource.type="cloud_run_revision" AND resource.labels.service_name=starts_with("{realtime_of("")}")'
)
_FUNCTIONS = f'resource.type="cloud_run_revision" AND resource.labels.service_name=starts_with("{PREFIX}")'


def charts() -> list[dict[str, Any]]:
    """Every chart, in the order of reading."""
    run = "run.googleapis.com"
    return [
        chart("Requests a second", REQUESTS, "ALIGN_RATE", "REDUCE_SUM"),
        chart("Failed requests a second", FAILED, "ALIGN_RATE", "REDUCE_SUM"),
        chart(
            "Latency, 95th percentile, ms",
            f'metric.type="{run}/request_latencies" AND {_FUNCTIONS}',
            "ALIGN_PERCENTILE_95",
            "REDUCE_MAX",
        ),
        chart(
            "Instances",
            f'metric.type="{run}/container/instance_count" AND {_FUNCTIONS}',
            "ALIGN_MAX",
            "REDUCE_SUM",
        ),
        chart(
            "Sockets and requests of the fullest container",
            f'metric.type="{run}/container/max_request_concurrencies" AND {_CONTAINERS}',
            "ALIGN_PERCENTILE_99",
            "REDUCE_MAX",
        ),
        chart(
            "CPU of the containers",
            f'metric.type="{run}/container/cpu/utilizations" AND {_CONTAINERS}',
            "ALIGN_PERCENTILE_95",
            "REDUCE_MAX",
        ),
        chart("Oldest unacknowledged event, s", UNACKNOWLEDGED, "ALIGN_MAX", "REDUCE_MAX", by=None),
        *(
            chart(signal.about, counted(name), "ALIGN_DELTA", "REDUCE_SUM")
            for name, signal in SIGNALS.items()
        ),
    ]


def chart(title: str, what: str, aligner: str, reducer: str, by: str | None = BY_SERVICE) -> dict[str, Any]:
    """A line for each service, or one for all."""
    aggregation = {
        "alignmentPeriod": "60s",
        "perSeriesAligner": aligner,
        "crossSeriesReducer": reducer,
        "groupByFields": [by] if by else [],
    }
    query = {"timeSeriesFilter": {"filter": what, "aggregation": aggregation}}
    return {"title": title, "xyChart": {"dataSets": [{"plotType": "LINE", "timeSeriesQuery": query}]}}


def dashboard() -> dict[str, Any]:
    """The dashboard, two charts a row."""
    across = COLUMNS // WIDTH
    tiles = [
        {
            "width": WIDTH,
            "height": HEIGHT,
            "xPos": index % across * WIDTH,
            "yPos": index // across * HEIGHT,
            "widget": each,
        }
        for index, each in enumerate(charts())
    ]
    return {"displayName": "Confab", "mosaicLayout": {"columns": COLUMNS, "tiles": tiles}}


def make_dashboard(project: Project, metrics: Mapping[str, logging.Metric]) -> None:
    """Show it in the console."""
    monitoring.Dashboard(
        "dashboard",
        monitoring.DashboardArgs(project=project.id, dashboard_json=json.dumps(dashboard())),
        pulumi.ResourceOptions(depends_on=[*project.apis, *metrics.values()]),
    )
