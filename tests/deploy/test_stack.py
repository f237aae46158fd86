"""What a stack keeps between deployments, and that nothing goes elsewhere unnoticed."""

import json
from unittest.mock import patch

import pytest

from infra.deploy import runner
from tests.deploy.machine import PASSWORD, PROJECT, USER

OPTIONS = ("--site", "trial-site", "--region", "europe-west10")


def test_a_deployment_without_options_is_where_the_one_before_was(site):
    site.env |= {"SURREALDB_NAMESPACE": "ours", "SURREALDB_DATABASE": "restored"}
    assert site.up(*OPTIONS)[0] == 0
    first = site.tools.kept()
    assert first["gcp:region"] == "europe-west10"
    site.tools.forget()
    site.env = {name: value for name, value in site.env.items() if not name.startswith("SURREALDB_")}
    code, output = site.up()
    assert code == 0, output
    assert site.tools.kept() == first
    assert not [call for call in site.tools.changes() if "config" in call["words"]]
    assert PASSWORD not in output


def test_the_store_of_the_stack_is_checked_and_migrated(site):
    """Not one that the variables leave to a default."""
    site.up()
    site.env = {name: value for name, value in site.env.items() if not name.startswith("SURREALDB_")}
    seen: list[dict[str, str]] = []
    asks = runner.Runner.ask

    def ask(self, *words, env=None):
        if "confab.store" not in words:
            return asks(self, *words, env=env)
        seen.append(self._env)
        return runner.Answer(0, "", "")

    with patch.object(runner.Runner, "ask", ask):
        code, output = site.run("up", "--dry-run")
    assert code == 0, output
    assert "confab.store migrate" in output
    (env,) = seen
    assert {name: env[name] for name in ("SURREALDB_URL", "SURREALDB_USER", "SURREALDB_PASSWORD")} == {
        "SURREALDB_URL": "wss://db.example",
        "SURREALDB_USER": USER,
        "SURREALDB_PASSWORD": PASSWORD,
    }


@pytest.mark.parametrize(
    ("options", "env", "line"),
    [
        (("--region", "us-east1"), {}, "the region is europe-west10, not us-east1"),
        (("--site", "other"), {}, "the site is trial-site, not other"),
        ((), {"SURREALDB_DATABASE": "other"}, "the store's database is confab, not other"),
        ((), {"SURREALDB_URL": "wss://x"}, "the store is wss://db.example, not wss://x"),
    ],
)
def test_another_place_than_the_stacks_is_refused_unless_it_is_meant(site, options, env, line):
    site.up(*OPTIONS)
    before = site.tools.kept()
    site.env |= env
    code, output = site.up(*options)
    assert code == 1
    assert f"MISSING  place: {line}; mend: " in output
    assert site.tools.kept() == before
    assert site.up(*options, "--move")[0] == 0
    assert site.tools.kept() != before


def test_a_site_of_its_own_is_another_place_than_the_projects(site):
    site.up()
    code, output = site.up("--site", "other")
    assert code == 1
    assert f"MISSING  place: the site is {PROJECT}, not other; mend: " in output


@pytest.mark.parametrize("command", ["up", "destroy"])
def test_a_stack_of_another_project_is_left_alone(site, command):
    kept = json.dumps({"gcp:project": {"value": "another"}})
    site.tools.answer("pulumi config --json", 0, kept)
    code, output = site.run(command, "--store-elsewhere", "--move", stdin=f"{PROJECT}\n")
    assert code == 1
    assert "MISSING  stack: it is of the project another; mend: " in output
    assert site.tools.changes() == []


def test_a_stack_that_does_not_say_where_it_is_fails_the_deployment(site):
    site.tools.answer("pulumi stack output", 0, "{}")
    code, output = site.up()
    assert code == 1
    assert "the stack does not say where it is" in output
