"""The command and the page: what is committed is current, and every option does what it says."""

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest

from infra.cost import __main__ as command
from infra.cost import page
from infra.cost.benchmarks import measured
from infra.cost.bill import Basis
from infra.cost.blocks import BLOCKS
from infra.cost.prices import list_prices
from infra.cost.scenario import Scenario

ROOT = Path(__file__).parents[2]
BASIS = Basis(list_prices(), measured())


@pytest.fixture(scope="module")
def documents():
    return page.documents(BASIS)


def test_the_committed_page_and_pictures_are_current():
    assert command.main(["--check"]) == 0


def test_a_document_that_is_not_current_is_named_and_made_anew(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(page, "ROOT", tmp_path)
    (tmp_path / "docs").mkdir()
    shutil.copy(ROOT / page.PAGE, tmp_path / page.PAGE)
    assert command.main(["--check"]) == 1
    told = capsys.readouterr().err
    assert "docs/cost/wall.svg" in told
    assert "docs/cost.md" not in told
    text = (tmp_path / page.PAGE).read_text()
    (tmp_path / page.PAGE).write_text(text.replace("**a month**", "**a year**"))
    assert command.main(["--write"]) == 0
    assert command.main(["--check"]) == 0
    assert (tmp_path / page.PAGE).read_text() == text


def test_every_table_is_on_the_page_and_every_picture_too(documents):
    text = (ROOT / page.PAGE).read_text()
    for name in BLOCKS:
        assert text.count(f"<!-- made: {name} -->") == 1, name
    for path in documents:
        assert path == page.PAGE or f"]({path.relative_to('docs')})" in text


def test_the_commands_of_the_page_run(capsys):
    block = re.search(r"```sh\n(.*?)```", (ROOT / page.PAGE).read_text(), re.DOTALL)
    assert block is not None
    for line in block.group(1).splitlines():
        python, _, module, *arguments = shlex.split(line, comments=True)
        assert (python, module) == (".venv/bin/python", "infra.cost")
        if "--help" not in arguments:
            assert command.main(arguments) == 0
            assert capsys.readouterr().out


@pytest.mark.parametrize("factor", [0.2, 5.0])
def test_the_page_can_be_made_from_other_figures(factor, documents):
    seen = BASIS.figures
    other = seen.model_copy(
        update={
            "bus_event_cpu_us": factor * seen.bus_event_cpu_us,
            "delivery_cpu_us": {size: factor * cpu for size, cpu in seen.delivery_cpu_us.items()},
        }
    )
    made = page.documents(Basis(BASIS.prices, other))
    assert made.keys() == documents.keys()
    assert made != documents


def test_a_table_that_nobody_makes_is_an_error():
    with pytest.raises(page.UnknownBlock, match="weather"):
        page.filled("<!-- made: weather -->\n<!-- end -->", BASIS)


def test_words_between_the_tables_are_left_alone():
    text = "before <!-- made: idle -->\nstale\n<!-- end --> after"
    made = page.filled(text, BASIS)
    assert made.startswith("before <!-- made: idle -->\n")
    assert made.endswith("\n<!-- end --> after")
    assert "stale" not in made


def told(capsys, *arguments):
    assert command.main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_scenario_is_told_as_text_and_as_json(capsys):
    assert command.main(["--sockets", "3000", "--room-size", "20"]) == 0
    text = capsys.readouterr().out
    assert "3,000 sockets in rooms of 20" in text
    assert "1,000 connection hours" in text
    same = told(capsys, "--sockets", "3000", "--room-size", "20")
    assert same["instances"] == 3
    assert same["usdMonth"] == pytest.approx(sum(same["usdMonthByPart"].values()))


def test_the_help_explains_every_assumption(capsys):
    with pytest.raises(SystemExit):
        command.main(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    for name, field in Scenario.model_fields.items():
        assert f"--{name.replace('_', '-')} " in text
        assert field.description is not None
        assert field.description in text


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--sockets", "0"),
        ("--sockets", "many"),
        ("--rest-share", "2"),
        ("--hours", "731"),
        ("--cpu-factor", "nan"),
    ],
)
def test_an_option_that_makes_no_sense_is_named(option, value, capsys):
    with pytest.raises(SystemExit) as exited:
        command.main([option, value])
    assert exited.value.code == 2
    assert f"{option}: Input should be" in capsys.readouterr().err


def test_a_load_that_cannot_be_served_is_refused(capsys):
    assert command.main(["--sockets", "1000000", "--messages-per-hour", "100000"]) == 1
    assert "no number of instances" in capsys.readouterr().err


def test_the_free_tier_only_takes_off(capsys):
    small = ("--sockets", "100", "--hours", "40")
    paid, free = told(capsys, *small), told(capsys, *small, "--free-tier")
    for part, dollars in free["usdMonthByPart"].items():
        assert 0 <= dollars <= paid["usdMonthByPart"][part], part
    assert free["usdMonthByPart"]["realtime"] == 0
    assert free["usdMonthByPart"]["functions"] == 0


def test_a_store_that_is_paid_elsewhere_is_no_part_of_the_bill(capsys):
    nothing, some = (told(capsys, "--store-usd", paid, "--sockets", "1") for paid in ("0", "25"))
    assert nothing["usdMonthByPart"]["store"] == 0
    assert some["usdIdleMonth"] == pytest.approx(nothing["usdIdleMonth"] + 25)


def test_what_comes_through_the_gateway_is_paid_there(capsys):
    through = told(capsys, "--gateway-share", "0.5")
    assert through["usdMonthByPart"]["functions"] > told(capsys)["usdMonthByPart"]["functions"]
