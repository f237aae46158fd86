"""Charts are whole, in their frame, and say in words what they show; numbers are told with three digits."""

import re
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest

from infra.cost.benchmarks import measured
from infra.cost.bill import Basis
from infra.cost.chart import BOTTOM, HEIGHT, LABEL_STEP, LEFT, RIGHT, TOP, WIDTH, Axis, Chart, Line, decades
from infra.cost.pictures import pictures
from infra.cost.prices import list_prices
from infra.cost.table import Table, number, percent, usd

SVG = "{http://www.w3.org/2000/svg}"
PICTURES = pictures(Basis(list_prices(), measured()))


@pytest.mark.parametrize("picture", PICTURES.values(), ids=PICTURES)
def test_a_picture_is_svg_with_a_title_and_words(picture):
    root = ET.fromstring(picture)  # noqa: S314 - our own
    assert root.findtext(f"{SVG}title")
    assert root.findtext(f"{SVG}desc")
    assert "prefers-color-scheme: dark" in (root.findtext(f"{SVG}style") or "")


@pytest.mark.parametrize("picture", PICTURES.values(), ids=PICTURES)
def test_every_line_stays_within_the_axes(picture):
    ways = re.findall(r'class="line [^"]*" d="M([^"]+)"', picture)
    assert ways
    for way in ways:
        for point in way.split("L"):
            x, y = map(float, point.split())
            assert LEFT <= x <= WIDTH - RIGHT
            assert TOP <= y <= HEIGHT - BOTTOM


@pytest.mark.parametrize("picture", PICTURES.values(), ids=PICTURES)
def test_no_two_names_lie_on_each_other(picture):
    heights = [float(y) for y in re.findall(r'class="name [^"]*" x="[\d.]+" y="([\d.]+)"', picture)]
    gaps = [below - above for above, below in pairwise(heights)]
    assert all(gap >= LABEL_STEP - 0.1 for gap in gaps)


def test_a_picture_is_the_same_each_time():
    assert pictures(Basis(list_prices(), measured())) == PICTURES


def test_text_cannot_break_out_of_the_picture():
    axis = Axis("<&>", [(0, "a"), (1, "b")])
    picture = Chart("<script>", "</desc>", axis, axis, [Line('"&"', [(0, 0), (1, 1)], 0)]).svg()
    assert ET.fromstring(picture).findtext(f"{SVG}title") == "<script>"  # noqa: S314 - our own


def test_decades_enclose_the_values():
    axis = decades("dollars", [0.02, 3, 40], usd)
    assert axis.ticks == [(0.01, "$0.01"), (0.1, "$0.10"), (1, "$1.00"), (10, "$10.00"), (100, "$100.00")]
    assert [tick for tick, _ in decades("dollars", [1], usd).ticks] == [1, 10]
    assert [axis.share(value) for value in (0.01, 1, 100)] == pytest.approx([0, 0.5, 1])


@pytest.mark.parametrize(
    ("amount", "told"),
    [
        (0, "$0.00"),
        (0.000018, "$0.000018"),
        (0.03789, "$0.0379"),
        (0.5, "$0.50"),
        (51.034, "$51.03"),
        (1774.2, "$1,774"),
    ],
)
def test_dollars(amount, told):
    assert usd(amount) == told


@pytest.mark.parametrize(
    ("amount", "told"), [(0, "0"), (0.1234, "0.123"), (99.44, "99.4"), (1234567.8, "1,234,568")]
)
def test_numbers(amount, told):
    assert number(amount) == told


def test_shares_too_small_to_matter_are_none():
    assert [percent(share) for share in (1e-9, 0.0123, 1)] == ["0 %", "1.23 %", "100 %"]


def test_a_table_is_markdown_and_text():
    table = Table(("room", "cost"), [("ten", "$1"), ("a hundred", "$10")])
    assert table.markdown() == "| room | cost |\n| --- | ---: |\n| ten | $1 |\n| a hundred | $10 |"
    assert table.text() == "room       cost\nten          $1\na hundred   $10"
