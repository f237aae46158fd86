import pytest

from confab.config import ConfigError, load
from confab.domain.limits import Limits

CLOUD = {
    "K_SERVICE": "add-message",
    "SURREALDB_URL": "wss://db.example",
    "SURREALDB_USER": "confab",
    "SURREALDB_PASSWORD": "s",
    "GOOGLE_CLOUD_PROJECT": "prod",
    "CONFAB_ALLOWED_ORIGINS": "https://app.example/, https://www.app.example",
    "CONFAB_REALTIME_URLS": "https://rt.example",
}


def test_the_defaults_are_the_contracts():
    config = load({})
    assert {name: getattr(config, name) for name in Limits.model_fields} == dict(Limits())
    assert config.port == 8080
    assert config.surrealdb_url == "ws://127.0.0.1:8000"
    assert (config.surrealdb_namespace, config.surrealdb_database) == ("confab", "confab")
    assert config.project == "demo-confab"
    assert config.auth_emulator_host == "127.0.0.1:9099"
    assert config.pubsub_emulator_host == "127.0.0.1:8085"


def test_lists_are_split_and_trimmed():
    assert load(CLOUD).allowed_origins == ("https://app.example", "https://www.app.example")


def test_a_variable_has_one_spelling():
    config = load({"max_page": "1", "port": "1", "cell": "b", "confab_max_page": "1"})
    assert (config.max_page, config.port, config.cell) == (200, 8080, "main")


def test_an_empty_variable_is_absent():
    assert load({"CONFAB_MAX_PAGE": ""}).max_page == 200


def test_every_wrong_variable_is_named_and_no_value_is_shown():
    with pytest.raises(ConfigError) as refused:
        load(
            {
                "CONFAB_MAX_PAGE": "0",
                "CONFAB_CLOCK_SKEW_S": "61",
                "SURREALDB_URL": "http://secret",
                "CONFAB_REALTIME_URLS": "ftp://x",
                "PORT": "70000",
            }
        )
    text = str(refused.value)
    for name in ("CONFAB_MAX_PAGE", "CONFAB_CLOCK_SKEW_S", "SURREALDB_URL", "CONFAB_REALTIME_URLS", "PORT"):
        assert name in text
    assert "secret" not in text


@pytest.mark.parametrize("name", ["CONFAB_ALLOWED_ORIGINS", "CONFAB_REALTIME_URLS"])
def test_a_list_of_addresses_without_one_is_refused(name):
    with pytest.raises(ConfigError, match=f"^{name}: names no address$"):
        load({name: " , "})


@pytest.mark.parametrize("name", ["FIREBASE_AUTH_EMULATOR_HOST", "PUBSUB_EMULATOR_HOST"])
def test_an_emulator_is_refused_on_cloud_run(name):
    with pytest.raises(ConfigError, match=f"{name} must not be set"):
        load(CLOUD | {name: "127.0.0.1:9099"})


@pytest.mark.parametrize("name", [name for name in CLOUD if name != "K_SERVICE"])
def test_nothing_is_left_to_local_defaults_on_cloud_run(name):
    with pytest.raises(ConfigError, match=f"{name} is required"):
        load({key: value for key, value in CLOUD.items() if key != name})


def test_a_real_project_uses_no_emulator_by_itself():
    assert load(CLOUD).auth_emulator_host is None
    assert load({"GOOGLE_CLOUD_PROJECT": "prod"}).pubsub_emulator_host is None


def test_the_functions_emulator_is_not_cloud_run():
    local = {"K_SERVICE": "x", "FUNCTIONS_EMULATOR": "true", "FIREBASE_AUTH_EMULATOR_HOST": "127.0.0.1:1"}
    assert load(local).auth_emulator_host == "127.0.0.1:1"


CELLS = "b=https://b.example/, eu-west = https://eu.example"


def test_without_cells_there_is_one():
    config = load({})
    assert (config.cell, config.open_cells) == ("main", ("main",))
    assert config.addresses == {"main": config.realtime_urls}


def test_cells_are_where_they_are_said_to_be():
    config = load(CLOUD | {"CONFAB_CELLS": CELLS, "CONFAB_CELL": "b"})
    assert config.addresses == {
        "main": ("https://rt.example",),
        "b": ("https://b.example",),
        "eu-west": ("https://eu.example",),
    }
    assert (config.cell, config.open_cells) == ("b", ("main", "b", "eu-west"))


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("CONFAB_CELLS", "b", "CONFAB_CELLS: "),
        ("CONFAB_CELLS", "b=ftp://b", "CONFAB_CELLS: "),
        ("CONFAB_CELLS", "b=https://b/path", "CONFAB_CELLS: "),
        ("CONFAB_CELLS", "B=https://b", "CONFAB_CELLS: "),
        ("CONFAB_CELLS", "longer-than-14-chars=https://b", "CONFAB_CELLS: "),
        ("CONFAB_CELLS", "b=https://b,b=https://c", "CONFAB_CELLS: two cells have the same name"),
        ("CONFAB_CELLS", "b=https://b,c=https://b", "CONFAB_CELLS: two cells have the same address"),
        ("CONFAB_CELLS", "b=https://rt.example", "CONFAB_CELLS: two cells have the same address"),
        ("CONFAB_CELLS", "main=https://b", "CONFAB_CELLS: the cell main is at CONFAB_REALTIME_URLS"),
        ("CONFAB_CELL", "c", "CONFAB_CELL: names a cell that CONFAB_CELLS does not have"),
        ("CONFAB_NEW_CELLS", "main,c", "CONFAB_NEW_CELLS: names a cell that CONFAB_CELLS does not have"),
    ],
)
def test_a_wrong_cell_is_refused(name, value, told):
    with pytest.raises(ConfigError) as refused:
        load(CLOUD | {"CONFAB_CELLS": "b=https://b.example", name: value})
    assert told in str(refused.value)
    assert "; " not in str(refused.value)


def test_what_names_a_cell_is_not_blamed_for_a_wrong_list_of_them():
    with pytest.raises(ConfigError) as refused:
        load({"CONFAB_CELLS": "b", "CONFAB_CELL": "b", "CONFAB_NEW_CELLS": "b"})
    assert str(refused.value).startswith("CONFAB_CELLS: ")
    assert "; " not in str(refused.value)


@pytest.mark.parametrize(
    ("env", "told"),
    [
        ({"CONFAB_MAX_PAGE_BYTES": "262145"}, ["CONFAB_MAX_PAGE_BYTES: must be at most 262144"]),
        ({"CONFAB_SLOW_READER_BYTES": "1048575"}, ["CONFAB_MAX_PAGE_BYTES: must be at most 262143"]),
        ({"CONFAB_MAX_BODY_BYTES": "225279"}, ["CONFAB_MAX_BODY_BYTES: must be at least 225280"]),
        ({"CONFAB_MAX_CONTENT_BYTES": "40000"}, ["CONFAB_MAX_BODY_BYTES: must be at least 268672"]),
        (
            {"CONFAB_MAX_METADATA_BYTES": "50000", "CONFAB_SLOW_READER_BYTES": "1"},
            ["CONFAB_MAX_BODY_BYTES: ", "CONFAB_MAX_PAGE_BYTES: "],
        ),
    ],
)
def test_limits_that_contradict_each_other_are_refused(env, told):
    with pytest.raises(ConfigError) as refused:
        load(env)
    assert all(text in str(refused.value) for text in told)
    assert str(refused.value).count("; ") == len(told) - 1


def test_limits_may_be_as_tight_as_the_rules_allow():
    load({"CONFAB_MAX_BODY_BYTES": "225280", "CONFAB_SLOW_READER_BYTES": "4", "CONFAB_MAX_PAGE_BYTES": "1"})
