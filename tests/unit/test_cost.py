"""The formula against figures computed by hand, against the code it describes, and against the page."""

import json
import re
import shlex
import uuid
from datetime import UTC, datetime

import pytest

from confab.bus.publisher import cloud_event
from confab.domain.entries.message import Message
from confab.domain.events import Typing, TypingState, encode_event, event_of
from confab.fanout import watchdog
from confab.realtime.socketio import packets
from confab.realtime.socketio.wire import framed
from infra.cost import __main__ as command
from infra.cost import fleet as formula
from infra.cost import report
from infra.cost.bill import Basis, UnitCosts, alternatives, break_even, store_vcpus, usage_of
from infra.cost.fleet import Overloaded, fleet_of, loaded, sockets_of_an_instance
from infra.cost.inputs import Figures, list_prices, measured
from infra.cost.scenario import CASES, HOURS, MAX_SOCKETS, Scenario

FIGURES = Figures(
    machine="none",
    date="2026-01-01",
    send_cpu_us=200,
    delivery_cpu_us=10,
    store_cpu_us=360,
    bus_event_cpu_us=25,
    connect_cpu_ms=0.6,
    kib_per_connection=28,
    request_cpu_ms={"list_conversations": 4, "add_message": 150},
    cold_start_s=0.9,
)
BASIS = Basis(list_prices(), FIGURES)
# 36,000 messages an hour are 10 a second; 12,000 sessions of 20 minutes are 10 a second.
HAND = Scenario(sockets=12_000, room_size=2, messages_per_hour=3, cell_instances=2, instances=12)


def test_fan_out_by_hand():
    fleet = loaded(HAND, FIGURES, 12)
    assert fleet.serving == pytest.approx(1.5)  # both sockets on one instance, or one on each
    assert fleet.cpu_us == pytest.approx(0.9 * 200 + 2 * 25 + 2 * 10)
    assert fleet.wasted_us == pytest.approx(0.5 * 25) == pytest.approx(fleet.wasted_share * fleet.cpu_us)
    assert fleet.bus_bytes == 3 * (571 + 500 + 236 + 37)
    assert fleet.load * 1e6 == pytest.approx((10 * 250 + 10 * 600) / 12 + 2 * 25 / 2.5)
    assert loaded(HAND.but(cpu_factor=2.0), FIGURES, 12).load == pytest.approx(2 * fleet.load)


def test_usage_by_hand():
    usage = usage_of(HAND, loaded(HAND, FIGURES, 12), FIGURES)
    month = 730 * 3600
    assert usage["realtime_cpu"] == 12 * month
    assert usage["functions_requests"] == pytest.approx((1 + 10) * month)
    assert usage["functions_cpu"] == pytest.approx(730 * 0.9 + (1 * 0.15 + 10 * 0.1) * month)
    assert usage["bus"] == pytest.approx((10 * 4032 + 12 / 2.5 * 3000) * month / 2**40)
    frames, joins = (10 * 2 + 9) * (893 + 18), 10 * 20 * 893
    assert usage["egress"] == pytest.approx((frames + joins) * month / 2**30)
    assert usage["hosting"] == pytest.approx((1 * 893 + 10 * 20 * 893 + 11 * 800) * month / 1e9)
    assert usage["logs"] == pytest.approx((11 + 10) * 1500 * month / 2**30)
    assert usage["store_cpu"] == 0.5 * 730


def test_alternatives_by_hand():
    scenario = Scenario(room_size=10, message_bytes=607)  # an entry of 1,000 bytes; 120 of them an hour
    firestore, database, gateway = alternatives(scenario, BASIS.prices).values()
    read = 0.03 / 100_000 + 0.12 * 1000 / 2**30
    assert firestore.per_thousand_messages == pytest.approx(1000 * (0.09 / 100_000 + 10 * read))
    assert firestore.per_thousand_connection_hours == pytest.approx(1000 * 120 * read)
    assert database.per_thousand_messages == pytest.approx(0.01)
    assert gateway.per_thousand_messages == pytest.approx(1000 * 11 / 1e6)
    assert gateway.per_thousand_connection_hours == pytest.approx(1000 * 60 * 0.25 / 1e6)
    assert gateway.month(scenario) == pytest.approx(scenario.connection_hours / 1000 * (10 * 0.011 + 0.015))


def test_break_even_has_equal_costs():
    confab, other = BASIS.units(HAND), alternatives(HAND, BASIS.prices)["Firestore listeners"]
    rate = break_even(confab, other)
    assert rate is not None
    costs = [c.per_thousand_connection_hours + rate * c.per_thousand_messages for c in (confab, other)]
    assert costs[0] == pytest.approx(costs[1])
    assert break_even(UnitCosts(9.0, 0.0), other) is None


@pytest.mark.parametrize("scenario", [HAND, *(case.scenario for case in CASES.values())])
def test_units_add_up_to_the_bill(scenario):
    assert BASIS.units(scenario).month(scenario) == pytest.approx(sum(BASIS.bill(scenario).values()))
    assert BASIS.units(scenario.but(messages_per_hour=0.0)).per_thousand_messages == 0
    assert BASIS.units(scenario.but(hours=0.0)).per_thousand_connection_hours == 0


def test_fleet_grows_until_the_load_fits():
    loud = Scenario(sockets=2_000, messages_per_hour=18_000.0, cell_instances=1)
    found = fleet_of(loud, FIGURES)
    assert found.instances > 2
    assert found.load <= loud.utilisation < loaded(loud, FIGURES, found.instances - 1).load
    assert fleet_of(loud.but(instances=2), FIGURES).load > 1


def test_memory_and_cloud_run_bound_the_sockets_of_an_instance():
    heavy, absurd = (FIGURES.model_copy(update={"kib_per_connection": kib}) for kib in (1_024, 1e7))
    assert sockets_of_an_instance(Scenario(), FIGURES) == MAX_SOCKETS
    assert sockets_of_an_instance(Scenario(), heavy) == int(0.6 * 1_024) - 100
    assert sockets_of_an_instance(Scenario(), absurd) == 1
    assert fleet_of(Scenario(sockets=1_001), FIGURES).instances == 2


def test_one_cell_is_overloaded_where_cells_are_not():
    crowd = Scenario(sockets=1_000_000, messages_per_hour=120.0)
    with pytest.raises(Overloaded):
        fleet_of(crowd, FIGURES)
    few, many = (fleet_of(crowd.but(sockets=n, cell_instances=10), FIGURES) for n in (10_000, 1_000_000))
    assert (many.instances, many.cpu_us) == (1_000, few.cpu_us)


@pytest.mark.parametrize(("rate", "vcpus"), [(0, 0.5), (300, 1), (600, 2), (60_000, 128)])
def test_the_store_has_processors_for_the_appends(rate, vcpus):
    assert store_vcpus(HAND.but(messages_per_hour=float(rate)), FIGURES) == vcpus


def test_sizes_are_those_of_the_models():
    origin, at = uuid.UUID(int=7).hex, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    message = Message(
        id=f"{origin}-123",
        conversation_id=origin,
        seq=123,
        ordinal=123,
        version=123,
        role="user",
        author="u" * 28,
        content="",
        client_message_id=str(uuid.UUID(int=7)),
        metadata={},
        created_at=at,
    )
    event = event_of(message, origin=origin)
    attributes = {"type": event.type, "conversationId": origin, **cloud_event(event)}
    assert len(json.dumps(message.wire(), separators=(",", ":"))) == formula.MESSAGE_BYTES
    assert len(encode_event(event)) == formula.EVENT_BYTES
    assert sum(len(name) + len(value) for name, value in attributes.items()) == formula.ATTRIBUTE_BYTES
    frame = framed(packets.event("message", message.wire()))
    assert len(frame) == formula.entry_bytes(0) + formula.FRAME_BYTES
    state = TypingState(conversation_id=f"probe-{origin}", user_id=origin, typing=False)
    probe = Typing(conversation_id=state.conversation_id, data=state, origin=origin, at=at)
    overhead = formula.ATTRIBUTE_BYTES + formula.BUS_FIELD_BYTES
    assert len(encode_event(probe)) + overhead < formula.MIN_BILLED_BYTES  # Pub/Sub bills the minimum
    assert formula.PROBE_S == watchdog.PROBE_S


def test_the_committed_pages_are_current(monkeypatch, tmp_path):
    pages, basis = [page.read_text() for page in report.PAGES], Basis(list_prices(), measured())
    assert [report.page(page, basis) for page in pages] == pages, "run make cost"
    assert {*re.findall(r"<!-- computed: (\w+) -->", "".join(pages))} == report.TABLES.keys()
    text = pages[0]
    assert f"${basis.units(Scenario()).idle_month:.0f} a month when nobody is connected" in text
    stale = tmp_path / "cost.md"
    stale.write_text(text.replace("**a month**", "**a year**"))
    monkeypatch.setattr(report, "PAGES", [stale])
    assert command.main(["--write"]) == 0
    assert stale.read_text() == text


def test_the_commands_of_the_page_run(capsys):
    (block,) = re.findall(r"```sh\n(.*?)```", report.PAGE.read_text(), re.DOTALL)
    for line in block.splitlines():
        python, _, module, *arguments = shlex.split(line, comments=True)
        assert (python, module) == (".venv/bin/python", "infra.cost")
        if "--help" not in arguments:
            assert command.main(arguments) == 0
            assert capsys.readouterr().out


def test_options_change_the_bill(capsys):
    def bill(*more):
        assert command.main(["--sockets", "100", "--hours", "40", *more]) == 0
        header, *lines, _, _ = capsys.readouterr().out.splitlines()
        assert header.startswith("100 sockets in rooms of 10, ")
        rows = (line.rpartition("  ") for line in lines)
        return {name.strip(): float(amount[1:]) for name, _, amount in rows if amount.startswith("$")}

    paid, free = bill(), bill("--free-tier")
    items = [*paid][[*paid].index("this month") + 1 :]
    assert paid["this month"] == pytest.approx(sum(paid[item] for item in items), abs=0.05)
    assert free["realtime"] == free["functions"] == 0
    assert free["this month"] < paid["this month"]
    assert bill("--store-usd", "0")["store"] == 0


@pytest.mark.parametrize(
    ("option", "value"), [("--sockets", "0"), ("--hours", f"{HOURS + 1}"), ("--rest-share", "2")]
)
def test_an_option_out_of_range_is_named_and_an_overload_refused(option, value, capsys):
    with pytest.raises(SystemExit, match="2"):
        command.main([option, value])
    assert f"{option}: Input should be" in capsys.readouterr().err
    assert command.main(["--sockets", "1000000", "--messages-per-hour", "100000"]) == 1
    assert "no number of instances" in capsys.readouterr().err
