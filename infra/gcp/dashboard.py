"""The dashboard: one page of charts that shows whether Confab is healthy."""

import json
from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi_gcp import logging, monitoring

from infra.gcp.alerts import FAILED, REQUESTS, UNACKNOWLEDGED, counted, run_metric
from infra.gcp.names import realtime_of
from infra.gcp.project import Project
from infra.gcp.signals import SIGNALS

WIDTH, HEIGHT, COLUMNS = 6, 4, 12


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


def _tile(index: int, title: str, metric: str, aligner: str, reducer: str) -> dict[str, Any]:
    """Return a chart with one line for each service; a subscription has no service."""
    aggregation = {
        "alignmentPeriod": "60s",
        "perSeriesAligner": aligner,
        "crossSeriesReducer": reducer,
        "groupByFields": [] if metric == UNACKNOWLEDGED else ["resource.label.service_name"],
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


def make_dashboard(project: Project, metrics: Mapping[str, logging.Metric]) -> None:
    """Make the dashboard of the console."""
    tiles = [_tile(index, *chart) for index, chart in enumerate(CHARTS)]
    board = {"displayName": "Confab", "mosaicLayout": {"columns": COLUMNS, "tiles": tiles}}
    monitoring.Dashboard(
        "dashboard",
        project=project.id,
        dashboard_json=json.dumps(board),
        opts=pulumi.ResourceOptions(depends_on=[*project.apis, *metrics.values()]),
    )
