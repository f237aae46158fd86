"""Telemetry that is kept instead of sent."""

from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from confab.telemetry.otlp import OtlpTelemetry


class Collected:
    """What a process would have sent to its collector."""

    def __init__(self) -> None:
        self._spans, self._metrics = InMemorySpanExporter(), InMemoryMetricReader()
        self.telemetry = OtlpTelemetry(
            SimpleSpanProcessor(self._spans), self._metrics, service="s", instance="i1"
        )

    def spans(self) -> Sequence[ReadableSpan]:
        """Those that have ended, in the order of their ends."""
        return self._spans.get_finished_spans()

    def metrics(self) -> Mapping[str, Any]:
        """The first point of each metric."""
        return {name: points[0] for name, points in self._points().items()}

    def points(self, metric: str) -> Sequence[Any]:
        """All points of a metric, one for each combination of attributes."""
        return self._points()[metric]

    def _points(self) -> Mapping[str, Sequence[Any]]:
        data = self._metrics.get_metrics_data()
        if data is None:
            return {}
        found = data.resource_metrics[0].scope_metrics[0].metrics
        return {metric.name: metric.data.data_points for metric in found}
