"""The stack's configuration is validated as a whole, and each invalid key is named."""

import pytest

from infra.gcp.settings import Settings, SettingsError, settings_of
from infra.gcp.variables import variables

SMALLEST = {
    "project": "my-project",
    "image": f"us-central1-docker.pkg.dev/my-project/confab-realtime/realtime@sha256:{'5e' * 32}",
}
NUMBER = "123456789012"


def settings(**more: object) -> Settings:
    return settings_of(SMALLEST | more)


def test_the_smallest_configuration():
    parsed = settings()
    assert (parsed.region, parsed.sites) == ("us-central1", ["my-project"])
    assert [cell.name for cell in parsed.cells] == ["main"]
    assert parsed.cells[0].min_instances == parsed.functions.min_instances == 0


REFUSED = [
    ("project", "My Project", "project: "),
    ("region", "nowhere", "region: "),
    ("region", "europe-west100", "region: "),
    ("image", "realtime:latest", "image: "),
    ("image", f"realtime:latest@sha256:{'5e' * 31}", "image: "),
    ("storeUrl", "ws://store.example", "storeUrl: "),
    ("storeMachine", '{"type": "e2-micro"}', "storeMachine.type: "),  # too little memory
    ("storeMachine", '{"diskGib": 5}', "storeMachine.diskGib: "),
    ("storeMachine", '{"disk": "/dev/sdb"}', "storeMachine.disk: "),
    ("site", "-", "site: "),
    ("page", "A", "page: "),
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
    (
        "cells",
        '[{"name": "main", "url": "https://a.example"}, {"name": "b", "url": "https://a.example"}]',
        "CONFAB_CELLS: two cells have the same address",
    ),
    ("functions", '{"memory": "512"}', "functions.memory: "),
    ("functions", '{"cpu": "0.5"}', "functions.cpu: "),
    ("alertEmails", '["me"]', "alertEmails.0: "),
    ("budget", '{"billingAccount": "mine", "amount": 5}', "budget.billingAccount: "),
    ("budget", '{"billingAccount": "01AB23-4CD56E-F78901", "amount": 0}', "budget.amount: "),
    ("variables", {"CONFAB_X": "1"}, "variables.CONFAB_X: Confab reads no such variable"),
    ("variables", {"PUBSUB_EMULATOR_HOST": "x:1"}, "PUBSUB_EMULATOR_HOST: Confab reads no such variable"),
    ("variables", {"SURREALDB_PASSWORD": "p"}, "each process has its own: set storeUsers"),
    ("variables", {"OTEL_EXPORTER_OTLP_HEADERS": "k=v"}, "it is a secret: set otlpHeaders with --secret"),
    *(
        ("variables", {name: "b"}, f"variables.{name}: another key sets it")
        for name in ("CONFAB_REALTIME_URLS", "CONFAB_CELLS", "CONFAB_NEW_CELLS", "CONFAB_CELL")
    ),
    ("variables", {"CONFAB_MAX_PAGE": "0"}, "CONFAB_MAX_PAGE: "),
    ("variables", {"CONFAB_RETENTION_DAYS": "a month"}, "CONFAB_RETENTION_DAYS: "),
]


@pytest.mark.parametrize(("key", "value", "message"), REFUSED, ids=str)
def test_an_invalid_key_or_variable_is_named(key, value, message):
    with pytest.raises(SettingsError) as refused:
        variables(settings(**{key: value}), NUMBER)
    assert message in str(refused.value)


def test_a_budget_says_so_if_google_would_not_notify_all_addresses():
    budget = '{"billingAccount": "01AB23-4CD56E-F78901", "amount": 5}'
    emails = [f"{number}@my.example" for number in range(6)]
    assert settings(budget=budget, alertEmails=emails[:5]).budget is not None
    with pytest.raises(SettingsError, match="alertEmails: a budget notifies at most 5"):
        settings(budget=budget, alertEmails=emails)


def test_all_invalid_and_missing_keys_are_named_at_once():
    with pytest.raises(SettingsError, match=r"project: Field required; region: .*; image: "):
        settings_of({"image": "y", "region": "nowhere"})


@pytest.mark.parametrize("region", ["us-central1", "europe-west10", "northamerica-northeast2"])
def test_regions_of_google_are_valid(region):
    assert settings(region=region).region == region


def test_numbers_are_read_as_text():
    parsed = settings(functions='{"cpu": 2}', variables='{"CONFAB_MAX_PAGE": 50}')
    assert (parsed.functions.cpu, parsed.variables) == ("2", {"CONFAB_MAX_PAGE": "50"})
