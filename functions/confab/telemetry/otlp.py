"""Traces and metrics over OpenTelemetry, sent as OTLP over HTTP. Imported only where it is configured.

How often they are sent, which traces are, and with which headers, are OpenTelemetry's own
variables, which its SDK reads: OTEL_METRIC_EXPORT_INTERVAL, OTEL_TRACES_SAMPLER, …
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import Decision, ParentBased
from opentelemetry.trace import Span as RecordedSpan
from opentelemetry.trace import SpanKind, Status, StatusCode, use_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from confab import trace
from confab.domain.entries import Entry
from confab.ports.telemetry import Commit, Metric, Span
from confab.telemetry.logs import LogTelemetry, age_s
from confab.trace import Trace

log = logging.getLogger(__name__)

FLUSH_S = 2.0
"""Seconds for one export with its retries, also for the last one of a process that ends."""
STATUSES = ("http.response.status_code", "confab.status")
SERVER_ERROR = 500
BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
INSTRUMENTS: dict[Metric, tuple[Literal["counter", "gauge"], str, str]] = {
    "confab.deliveries": ("counter", "{delivery}", "Entries sent to live sockets, once per socket."),
    "confab.gaps.filled": ("counter", "{gap}", "Rooms in which a sweep found a gap."),
    "confab.sweeps": ("counter", "{sweep}", "Comparisons of all rooms' heads with the store."),
    "confab.conflicts.retried": ("counter", "{conflict}", "Transactions that were tried again."),
    "confab.sockets": ("gauge", "{socket}", "Admitted sockets."),
    "confab.rooms": ("gauge", "{room}", "Rooms that have a socket here."),
    "confab.bus.lag": ("gauge", "s", "How long the newest event was on the bus, or a probe is overdue."),
}
"""The kind, unit and description of each metric."""
LATENCY = "confab.delivery.latency"
REFUSALS = "confab.refusals"
SOURCE = "confab.source"
"""`event` if the commit's time is known, `store` if only the entry's own is."""


class OtlpTelemetry(LogTelemetry):
    """The port `Telemetry` over OpenTelemetry. Its exports run on threads of their own."""

    def __init__(self, spans: SpanProcessor, metrics: MetricReader, *, service: str, instance: str) -> None:
        super().__init__()
        resource = Resource.create({"service.name": service, "service.instance.id": instance})
        configured = TracerProvider(shutdown_on_exit=False).sampler  # of OTEL_TRACES_SAMPLER
        self._traces = TracerProvider(ParentBased(configured), resource)
        self._traces.add_span_processor(spans)
        self._tracer = self._traces.get_tracer("confab")
        self._metrics = MeterProvider([metrics], resource)
        self._meter = self._metrics.get_meter("confab")
        self._latency = self._meter.create_histogram(
            LATENCY,
            unit="s",
            description="From an entry's commit to its delivery.",
            explicit_bucket_boundaries_advisory=BUCKETS_S,
        )
        self._refusals = self._meter.create_counter(
            REFUSALS, unit="{refusal}", description="Requests and events of sockets that got an error."
        )

    @contextmanager
    def span(self, name: str, asked: Trace | None) -> Iterator[Span]:
        if asked is not None:  # sampled as a trace of our own is, whatever its flag and its id
            own = int(trace.fresh().trace_id, 16)
            result = self._traces.sampler.should_sample(Context(), own, name, SpanKind.SERVER)
            asked = asked._replace(sampled=result.decision is Decision.RECORD_AND_SAMPLE)
        recorded = self._tracer.start_span(name, _context(asked), SpanKind.SERVER)
        span = _NotedSpan(recorded)
        try:
            with use_span(recorded), trace.Entered(_trace_of(recorded)):
                yield span
        finally:
            span.leave()

    def delivered(self, entry: Entry, sockets: int, commit: Commit) -> None:
        """Record the latency; of a sampled trace also a span, from the commit until now."""
        super().delivered(entry, sockets, commit)
        age = age_s(commit.at or entry.at)
        self._latency.record(age, {SOURCE: "store" if commit.at is None else "event"})
        if commit.trace is not None and commit.trace.sampled:
            now = time.time_ns()
            delivery = self._tracer.start_span(
                "deliver",
                _context(commit.trace),
                SpanKind.CONSUMER,
                {
                    "confab.conversation": entry.conversation_id,
                    "confab.seq": entry.seq,
                    "confab.sockets": sockets,
                },
                start_time=now - int(age * 1e9),
            )
            delivery.end(now)

    def refused(self, code: str, operation: str) -> None:
        self._refusals.add(1, {"confab.code": code, "confab.operation": operation})

    def watch(self, metric: Metric, read: Callable[[], float]) -> None:
        def observe(_: CallbackOptions) -> Iterable[Observation]:
            return [Observation(read())]

        kind, unit, description = INSTRUMENTS[metric]
        meter = self._meter
        create = meter.create_observable_gauge if kind == "gauge" else meter.create_observable_counter
        create(metric, [observe], unit, description)

    async def close(self) -> None:
        await asyncio.gather(
            _flushed(self._metrics.shutdown, FLUSH_S * 1000), _flushed(self._traces.shutdown)
        )


async def _flushed(shut_down: Callable[..., None], *arguments: float) -> None:
    """Wait FLUSH_S for the SDK, which sends its queue with a deadline for each batch.

    A daemon thread sends the rest, and does not keep the process alive.
    """

    def run() -> None:
        try:
            shut_down(*arguments)
        except Exception:  # the reader's last export failed
            log.exception("telemetry could not be shut down")

    flushing = threading.Thread(target=run, daemon=True)
    flushing.start()
    await asyncio.to_thread(flushing.join, FLUSH_S)


def exporting(endpoint: str, *, service: str, instance: str) -> OtlpTelemetry:
    """Telemetry that is exported to a collector, periodically."""
    base = endpoint.rstrip("/")
    spans = OTLPSpanExporter(f"{base}/v1/traces", timeout=FLUSH_S)
    metrics = OTLPMetricExporter(f"{base}/v1/metrics", timeout=FLUSH_S)
    return OtlpTelemetry(
        BatchSpanProcessor(spans), PeriodicExportingMetricReader(metrics), service=service, instance=instance
    )


class _NotedSpan:
    """Implements `Span`."""

    def __init__(self, recorded: RecordedSpan) -> None:
        self._recorded = recorded
        self._work: asyncio.Task[Any] | None = None

    def note(self, name: str, value: str | int) -> None:
        self._recorded.set_attribute(name, value)
        if name in STATUSES and isinstance(value, int) and value >= SERVER_ERROR:
            self._recorded.set_status(Status(StatusCode.ERROR))

    def until(self, work: asyncio.Task[Any]) -> None:
        self._work = work

    def leave(self) -> None:
        """End the span now, or with the task that `until` named."""
        if self._work is None:
            self._recorded.end()
        else:
            self._work.add_done_callback(lambda _: self._recorded.end())


def _context(parent: Trace | None) -> Context:
    """OpenTelemetry's form of a remote parent; without one, a new trace."""
    carrier = {} if parent is None else {trace.HEADER: str(parent)}
    return TraceContextTextMapPropagator().extract(carrier, Context())


def _trace_of(recorded: RecordedSpan) -> Trace:
    context = recorded.get_span_context()
    return Trace(f"{context.trace_id:032x}", f"{context.span_id:016x}", context.trace_flags.sampled)
