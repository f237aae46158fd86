"""The stack's configuration is validated as a whole, and each invalid key is named."""

import pytest

from confab.config import FORBIDDEN_ON_CLOUD_RUN, REQUIRED_ON_CLOUD_RUN
from infra.gcp.settings import CREDENTIALS, Settings, SettingsError, settings_of
from infra.gcp.variables import addresses, known, variables

SMALLEST = {
    "project": "my-project",
    "image": "us-central1-docker.pkg.dev/my-project/confab/realtime:1",
    "storeUrl": "wss://store.example",
}
NUMBER = "123456789012"


def settings(**more: object) -> Settings:
    return settings_of(SMALLEST | more)


def test_the_smallest_configuration():
    parsed = settings()
    assert (parsed.region, parsed.site_id) == ("us-central1", "my-project")
    assert [cell.name for cell in parsed.cells] == ["main"]
    assert parsed.cells[0].min_instances == parsed.functions.min_instances == 0


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("project", "My Project", "project: "),
        ("region", "nowhere", "region: "),
        ("image", "realtime", "image: "),
        ("storeUrl", "ws://store.example", "storeUrl: "),
        ("storeUrl", None, "storeUrl: "),
        ("site", "-", "site: "),
        ("origins", '["ftp://x"]', "origins.0: "),
        ("origins", "https://x", "origins: must be JSON"),
        ("cells", '[{"name": "Main"}]', "cells.0.name: "),
        ("cells", '[{"name": "longer-than-14-chars"}]', "cells.0.name: "),
        ("cells", '[{"name": "a", "region": "x"}]', "cells.0.region: "),
        ("cells", '[{"name": "a", "url": "http://a"}]', "cells.0.url: "),
        ("cells", '[{"name": "a", "concurrency": 1001}]', "cells.0.concurrency: "),
        ("cells", '[{"name": "a", "minInstances": 11}]', "cells.0: minInstances is above maxInstances"),
        ("cells", '[{"name": "main"}, {"name": "main"}]', "cells: two have the same name"),
        ("cells", '[{"name": "a"}]', "cells: there must be one that is called main"),
        ("cells", '[{"name": "main", "takesNew": false}]', "cells: none takes new conversations"),
        ("functions", '{"memory": "512"}', "functions.memory: "),
        ("functions", '{"cpu": "0.5"}', "functions.cpu: "),
        ("region", "europe-west100", "region: "),
        ("alertEmails", '["me"]', "alertEmails.0: "),
    ],
)
def test_an_invalid_key_is_named(key, value, message):
    with pytest.raises(SettingsError) as refused:
        settings_of({name: given for name, given in {**SMALLEST, key: value}.items() if given is not None})
    assert message in str(refused.value)


@pytest.mark.parametrize("region", ["us-central1", "europe-west10", "northamerica-northeast2"])
def test_regions_of_google_are_valid(region):
    assert settings(region=region).region == region


def test_numbers_are_read_as_text():
    parsed = settings(functions='{"cpu": 2}', variables='{"CONFAB_MAX_PAGE": 50}')
    assert (parsed.functions.cpu, parsed.variables) == ("2", {"CONFAB_MAX_PAGE": "50"})


def test_all_invalid_keys_are_named_at_once():
    with pytest.raises(SettingsError) as refused:
        settings(region="x", image="y")
    assert "region: " in str(refused.value)
    assert "image: " in str(refused.value)


def test_every_required_variable_is_set_and_none_is_unknown():
    env = variables(settings(variables={"CONFAB_MAX_PAGE": "50"}), NUMBER)
    assert set(REQUIRED_ON_CLOUD_RUN) <= env.keys() | CREDENTIALS.keys()
    assert all(map(known, env))
    assert not any(map(known, FORBIDDEN_ON_CLOUD_RUN))
    assert env["CONFAB_MAX_PAGE"] == "50"


def test_variables_of_opentelemetry_are_passed_on():
    telemetry = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "https://otel.example",
        "OTEL_TRACES_SAMPLER": "always_on",
    }
    assert telemetry.items() <= variables(settings(variables=telemetry), NUMBER).items()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("CONFAB_X", "1", "variables.CONFAB_X: Confab reads no such variable"),
        ("PUBSUB_EMULATOR_HOST", "x:1", "variables.PUBSUB_EMULATOR_HOST: Confab reads no such variable"),
        ("SURREALDB_PASSWORD", "p", "SURREALDB_PASSWORD: it is a secret: set storePassword with --secret"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "k=v", "it is a secret: set otlpHeaders with --secret"),
        ("CONFAB_REALTIME_URLS", "https://x", "variables.CONFAB_REALTIME_URLS: another key sets it"),
        ("CONFAB_CELLS", "b=https://b", "variables.CONFAB_CELLS: another key sets it"),
        ("CONFAB_NEW_CELLS", "main", "variables.CONFAB_NEW_CELLS: another key sets it"),
        ("CONFAB_CELL", "b", "variables.CONFAB_CELL: another key sets it"),
        ("CONFAB_MAX_PAGE", "0", "CONFAB_MAX_PAGE: "),
    ],
)
def test_an_invalid_variable_is_refused(name, value, message):
    with pytest.raises(SettingsError) as refused:
        variables(settings(variables={name: value}), NUMBER)
    assert message in str(refused.value)


def test_a_cell_has_cloud_runs_address_or_its_own():
    two = settings(cells=[{"name": "main"}, {"name": "b", "url": "https://b.example"}])
    main = "https://confab-realtime-main-123456789012.us-central1.run.app"
    assert addresses(two, NUMBER) == {"main": main, "b": "https://b.example"}
    env = variables(two, NUMBER)
    assert (env["CONFAB_REALTIME_URLS"], env["CONFAB_CELLS"]) == (main, "b=https://b.example")
    assert env["CONFAB_NEW_CELLS"] == "main,b"


def test_two_cells_at_one_address_are_refused():
    url = "https://b.example"
    both = settings(cells=[{"name": "main", "url": url}, {"name": "b", "url": url}])
    with pytest.raises(SettingsError, match="CONFAB_CELLS: two cells have the same address"):
        variables(both, NUMBER)


def test_a_full_cell_takes_no_new_conversations():
    full = settings(cells=[{"name": "main", "takesNew": False}, {"name": "b"}])
    assert variables(full, NUMBER)["CONFAB_NEW_CELLS"] == "b"
