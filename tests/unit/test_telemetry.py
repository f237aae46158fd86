import asyncio
import logging
import re
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from opentelemetry.trace import SpanKind, StatusCode

from confab import trace
from confab.ports.telemetry import Commit
from confab.telemetry import otlp
from confab.telemetry.logs import LogTelemetry
from confab.telemetry.otlp import INSTRUMENTS, LATENCY, REFUSALS
from confab.trace import Trace
from tests.support.samples import message
from tests.support.telemetry import Collected

ROOT = Path(__file__).parents[2]
FULL_QUEUE = 2_048
"""Spans that wait for an export in the SDK's default configuration."""
PARENT = Trace("a" * 32, "b" * 16, sampled=True)


@pytest.fixture
def collected():
    return Collected()


def ago(seconds=0.0):
    return datetime.now(UTC) - timedelta(seconds=seconds)


def entry(age_s=0.0):
    return message(1).model_copy(update={"created_at": ago(age_s)})


def test_without_a_collector_a_trace_in_ten_seconds_is_sampled_whatever_clients_ask_for():
    clock = [0.0]
    telemetry, begun = LogTelemetry(lambda: clock[0]), []
    for clock[0], asked in (
        (0.0, PARENT),
        (0.1, PARENT),
        (9.9, None),
        (10.0, PARENT._replace(sampled=False)),
    ):
        with telemetry.span("work", asked) as span:
            begun.append(trace.current() or pytest.fail("there is none"))
            span.note("x", 1)
    telemetry.watch("confab.rooms", lambda: 1 // 0)
    assert [each.sampled for each in begun] == [True, False, False, True]
    assert {each.trace_id for each in (begun[0], begun[1], begun[3])} == {PARENT.trace_id}
    assert trace.current() is None


def test_a_delivery_is_logged_where_the_trace_is_sampled(caplog, monkeypatch):
    lines = []
    monkeypatch.setattr(caplog.handler, "emit", lambda record: lines.append((record, trace.current())))
    caplog.set_level(logging.INFO, "confab")
    telemetry = LogTelemetry()
    with trace.Entered(PARENT):  # of the request that filled the gap before the entry
        telemetry.delivered(entry(), 3, Commit())
        telemetry.delivered(entry(), 3, Commit(ago(), Trace("c" * 32, "d" * 16)))
    assert lines == []
    telemetry.delivered(entry(9.0), 3, Commit(ago(2.0), PARENT))
    ((record, logged_in),) = lines
    assert (record.message, record.seq, record.sockets) == ("delivered", 1, 3)
    assert record.ms == pytest.approx(2000, abs=200)
    assert logged_in == PARENT


def test_a_span_continues_the_trace_of_its_parent(collected):
    with collected.telemetry.span("POST /api", PARENT) as span:
        within = trace.current()
        span.note("http.response.status_code", 503)
    (done,) = collected.spans()
    assert within == Trace(PARENT.trace_id, f"{done.context.span_id:016x}", sampled=True)
    assert (done.name, done.kind, done.status.status_code) == ("POST /api", SpanKind.SERVER, StatusCode.ERROR)
    assert f"{done.parent.span_id:016x}" == PARENT.span_id
    assert dict(done.attributes) == {"http.response.status_code": 503}
    assert dict(done.resource.attributes)["service.name"] == "s"


@pytest.mark.parametrize(
    ("sampler", "recorded"),
    [
        ("always_on", True),
        ("parentbased_always_on", True),
        ("parentbased_always_off", False),
        ("traceidratio", False),
        ("parentbased_traceidratio", False),
    ],
)
@pytest.mark.parametrize("flag", [True, False])
def test_whether_a_clients_trace_is_recorded_is_the_processs_to_decide(monkeypatch, sampler, recorded, flag):
    """Whatever its flag, and whatever its id, which a ratio goes by."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", sampler)
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.000000001")
    collected, asked = Collected(), Trace(f"{1:032x}", "d" * 16, sampled=flag)
    with collected.telemetry.span("GET", asked):
        within = trace.current()
    assert within is not None
    assert (within.trace_id, within.sampled) == (asked.trace_id, recorded)
    assert len(collected.spans()) == recorded


def test_without_a_clients_trace_one_begins(collected):
    for _ in range(2):
        with collected.telemetry.span("socket message", None):
            pass
    one, two = collected.spans()
    assert one.parent is two.parent is None
    assert one.context.trace_id != two.context.trace_id


def test_a_delivery_is_a_span_of_its_entrys_trace_and_counts_in_the_latency(collected):
    collected.telemetry.delivered(entry(9.0), 2, Commit(ago(0.5), PARENT))
    (done,) = collected.spans()
    assert f"{done.parent.span_id:016x}" == PARENT.span_id
    assert (done.end_time - done.start_time) / 1e9 == pytest.approx(0.5, abs=0.2)
    assert done.attributes["confab.sockets"] == 2


@pytest.mark.parametrize(("commit_age_s", "latency_s", "source"), [(0.5, 0.5, "event"), (None, 9.0, "store")])
def test_the_latency_is_the_age_of_the_commit_or_of_an_entry_that_was_read(
    collected, commit_age_s, latency_s, source
):
    for _ in range(2):
        collected.telemetry.delivered(entry(9.0), 2, Commit(commit_age_s and ago(commit_age_s)))
    assert collected.spans() == ()
    latency = collected.metrics()[LATENCY]
    assert (latency.count, dict(latency.attributes)) == (2, {"confab.source": source})
    assert latency.sum == pytest.approx(2 * latency_s, abs=0.4)


async def test_a_process_ends_within_the_deadline_of_its_last_export(monkeypatch):
    """A collector that accepts connections and never responds, and a full queue: four batches."""
    monkeypatch.setattr(otlp, "FLUSH_S", 1.0)
    with socket.create_server(("127.0.0.1", 0), backlog=16) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        telemetry = otlp.exporting(address, service="s", instance="i")
        for _ in range(FULL_QUEUE):
            with telemetry.span("work", None):
                pass
        async with asyncio.timeout(3.0):
            await telemetry.close()


def test_every_metric_has_its_row_in_the_documentation():
    page = (ROOT / "docs/operations.md").read_text().partition("## Metrics")[2]
    rows = re.findall(r"^\| (`confab[^|]+) \|", page, re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`([^`]+)`", row)} == {
        *INSTRUMENTS,
        LATENCY,
        REFUSALS,
    }
