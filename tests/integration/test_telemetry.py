"""Real processes export to a collector, and work and end without one."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from confab.telemetry.otlp import INSTRUMENTS, LATENCY
from tests.support.probes import serving
from tests.support.pubsub import closed_port
from tests.support.samples import started
from tests.support.system import System, post
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
REQUEST = ("add", "POST /api/conversations/{id}/messages")
GONE_WITHIN_S = 8.0


class Collector:
    """Collects what processes export by OTLP over HTTP."""

    def __init__(self) -> None:
        self._received: dict[str, list[bytes]] = {"/v1/traces": [], "/v1/metrics": []}

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        async def take(request: Request) -> Response:
            self._received[request.url.path].append(await request.body())
            return Response()

        async with serving(Starlette(routes=[Route("/v1/{kind}", take, methods=["POST"])])) as url:
            yield url

    def spans(self):
        """Each span by the name of its service and its own."""
        return {
            (_service(each), span.name): span
            for body in self._received["/v1/traces"]
            for each in ExportTraceServiceRequest.FromString(body).resource_spans
            for scope in each.scope_spans
            for span in scope.spans
        }

    def metrics(self):
        """The names of the metrics of the instance."""
        return {
            metric.name
            for body in self._received["/v1/metrics"]
            for each in ExportMetricsServiceRequest.FromString(body).resource_metrics
            for scope in each.scope_metrics
            for metric in scope.metrics
            if _service(each) == "rooms"
        }


def _service(exported):
    attributes = exported.resource.attributes
    return next(each.value.string_value for each in attributes if each.key == "service.name")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory) -> AsyncIterator[System]:
    async with System.running(tmp_path_factory.mktemp("site"), in_memory=True) as site:
        yield site


def exporting(url: str, service: str) -> dict[str, str]:
    """The variables of a process that exports five times a second."""
    often = {"OTEL_BSP_SCHEDULE_DELAY": "200", "OTEL_METRIC_EXPORT_INTERVAL": "200"}
    return often | {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_SERVICE_NAME": service}


async def ended(process) -> float:
    """The seconds that a process takes to end after SIGTERM."""
    began = time.monotonic()
    process.ask_to_end()
    assert await process.exit_code() == 0
    return time.monotonic() - began


async def test_a_collector_gets_the_spans_of_a_message_and_every_metric(site):
    collector = Collector()
    room = (await started(site.store, owner="alice")).id
    async with collector.serving() as url:
        instance = await site.instance("rooms", **exporting(url, "rooms"))
        function = await site.function("add_message", **exporting(url, "add"))
        await asyncio.gather(instance.serves(), function.serves())
        client = await site.client(instance, "alice", room)
        traced = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
        written = await post(function, "alice", f"/{room}/messages", {"content": "hello"}, **traced)
        assert written.status_code == 201
        await client.until(lambda c: c.seqs() == [1])
        await until(lambda: REQUEST in collector.spans())
        await ended(instance)
        await client.close()
    request, delivery = (collector.spans()[name] for name in (REQUEST, ("rooms", "deliver")))
    assert (request.trace_id.hex(), request.span_id) == (TRACE, delivery.parent_span_id)
    assert delivery.trace_id == request.trace_id
    assert collector.metrics() == {*INSTRUMENTS, LATENCY}


async def test_an_instance_works_and_ends_in_time_without_its_collector(site):
    room = (await started(site.store, owner="alice")).id
    instance = await site.instance("alone", **exporting(f"http://{closed_port()}", "alone"))
    await instance.serves()
    client = await site.client(instance, "alice", room)
    assert (await client.call("message", {"conversationId": room, "content": "hello"}))["ok"]
    await client.until(lambda c: c.seqs() == [1])
    assert await ended(instance) < GONE_WITHIN_S
    await client.close()
