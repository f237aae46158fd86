"""The documentation lists the errors, variables and defaults of the code, no more and no fewer."""

import re
import tomllib
from pathlib import Path

import pytest

from confab.config import REQUIRED_ON_CLOUD_RUN, Config
from confab.domain.errors import ERRORS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def test_every_error_has_its_row_with_its_status():
    page = (DOCS / "errors.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| (\d{3}) \|", page, re.MULTILINE))
    assert rows == {code: str(kind.status) for code, kind in ERRORS.items()}


def test_every_variable_has_its_row():
    rows = re.findall(r"^\| (`[^|]+`) \|", (DOCS / "configuration.md").read_text(), re.MULTILINE)
    documented = {name for row in rows for name in re.findall(r"`([^`]+)`", row)}
    assert documented == {field.alias for field in Config.model_fields.values()}


def test_every_default_is_the_codes():
    page = (DOCS / "configuration.md").read_text()
    defaults = dict(re.findall(r"^\| `([A-Z]\w+)` \| (\d+|`false`) \|", page, re.MULTILINE))
    coded = {
        field.alias: str(field.default) if field.default is not False else "`false`"
        for field in Config.model_fields.values()
        if isinstance(field.default, int)
    }
    assert defaults == coded


def test_every_variable_required_on_cloud_run_is_documented():
    page = (DOCS / "configuration.md").read_text()
    required = next(line for line in page.splitlines() if line.startswith("On Cloud Run"))
    assert set(REQUIRED_ON_CLOUD_RUN) <= set(re.findall(r"`(\w+)`", required))


def test_every_link_in_the_documentation_leads_somewhere():
    for page in [*ROOT.glob("*.md"), *DOCS.rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_alert_has_its_row():
    section = (DOCS / "operations.md").read_text().partition("## Alerts")[2].partition("\n## ")[0]
    policies = tomllib.loads((ROOT / "infra/gcp/alerts.toml").read_text()).values()
    named = re.findall(r"^\| `([\w-]+)` \|", section, re.MULTILINE)
    assert sorted(named) == sorted(name for policy in policies for name in policy["alerts"])


@pytest.mark.parametrize("page", ["guarantees.md", "security.md"])
def test_every_promise_and_threat_names_a_test_that_exists(page):
    rows = re.findall(r"^\| \*\*.*\|$", (DOCS / page).read_text(), re.MULTILINE)
    assert rows
    for row in rows:
        tests = re.findall(r"`(tests/[\w/.]+\.(?:py|mjs))`", row.rsplit("|", 2)[1])
        assert tests, row
        for test in tests:
            assert (ROOT / test).exists(), test
