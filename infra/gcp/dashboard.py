"""The dashboard: one page of charts that shows whether Confab is healthy."""

import json
from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi_gcp import logging, monitoring

from infra.gcp.project import Project
from infra.gcp.promql import FAILED, UNACKNOWLEDGED, counted, of_containers, of_services, requests
from infra.gcp.signals import SIGNALS

WIDTH, HEIGHT, COLUMNS = 6, 4, 12


def _quantile(share: float, buckets: str) -> str:
    return f"histogram_quantile({share}, sum by (service_name, le) (rate({buckets}[5m])))"


CHARTS = {
    "Requests a second": f"sum by (service_name) ({requests()})",
    "Failed requests a second": f"sum by (service_name) ({requests(FAILED)})",
    "Latency, 95th percentile, ms": _quantile(0.95, of_services("request_latencies", suffix="_bucket")),
    "Instances": f"sum by (service_name) ({of_services('container/instance_count')})",
    "Sockets and requests of the fullest container": _quantile(
        0.99, of_containers("container/max_request_concurrencies", "_bucket")
    ),
    "CPU of the containers": _quantile(0.95, of_containers("container/cpu/utilizations", "_bucket")),
    "Oldest unacknowledged event, s": f"max({UNACKNOWLEDGED})",
    **{
        signal.about: f"sum by ({signal.label}) ({counted(name, suffix=signal.suffix)})"
        for name, signal in SIGNALS.items()
    },
}
"""Queries by title, in the order of reading."""


def _tile(index: int, title: str, query: str) -> dict[str, Any]:
    row, column = divmod(index, COLUMNS // WIDTH)
    data = {"plotType": "LINE", "timeSeriesQuery": {"prometheusQuery": query}}
    place = {"width": WIDTH, "height": HEIGHT, "xPos": column * WIDTH, "yPos": row * HEIGHT}
    return {**place, "widget": {"title": title, "xyChart": {"dataSets": [data]}}}


def make_dashboard(project: Project, metrics: Mapping[str, logging.Metric]) -> None:
    """Make the dashboard of the console."""
    tiles = [_tile(index, *chart) for index, chart in enumerate(CHARTS.items())]
    board = {"displayName": "Confab", "mosaicLayout": {"columns": COLUMNS, "tiles": tiles}}
    monitoring.Dashboard(
        "dashboard",
        project=project.id,
        dashboard_json=json.dumps(board),
        opts=pulumi.ResourceOptions(depends_on=[*project.apis, *metrics.values()]),
    )
