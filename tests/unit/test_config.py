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
    assert (config.port, config.project) == (8080, "demo-confab")
    assert config.surrealdb_url == "ws://127.0.0.1:8000"
    assert (config.surrealdb_namespace, config.surrealdb_database) == ("confab", "confab")
    assert config.auth_emulator_host == "127.0.0.1:9099"
    assert config.pubsub_emulator_host == "127.0.0.1:8085"
    assert (config.cell, config.open_cells) == ("main", ("main",))
    assert config.addresses == {"main": config.realtime_urls}


def test_lists_are_split_and_trimmed():
    assert load(CLOUD).allowed_origins == ("https://app.example", "https://www.app.example")


def test_a_variable_has_one_spelling_and_is_absent_if_it_is_empty():
    config = load({"max_page": "1", "port": "1", "cell": "b", "confab_max_page": "1", "CONFAB_MAX_PAGE": ""})
    assert (config.max_page, config.port, config.cell) == (200, 8080, "main")


def test_a_real_project_uses_no_emulator_by_itself():
    assert load(CLOUD).auth_emulator_host is None
    assert load({"GOOGLE_CLOUD_PROJECT": "prod"}).pubsub_emulator_host is None


def test_the_functions_emulator_is_not_cloud_run():
    local = {"K_SERVICE": "x", "FUNCTIONS_EMULATOR": "true", "FIREBASE_AUTH_EMULATOR_HOST": "127.0.0.1:1"}
    assert load(local).auth_emulator_host == "127.0.0.1:1"


def test_each_cell_has_the_address_of_its_list():
    cells = "b=https://b.example/, eu-west = https://eu.example"
    config = load(CLOUD | {"CONFAB_CELLS": cells, "CONFAB_CELL": "b"})
    assert config.addresses == {
        "main": ("https://rt.example",),
        "b": ("https://b.example",),
        "eu-west": ("https://eu.example",),
    }
    assert (config.cell, config.open_cells) == ("b", ("main", "b", "eu-west"))


def test_limits_may_be_as_tight_as_the_rules_allow():
    load({"CONFAB_MAX_BODY_BYTES": "225280", "CONFAB_SLOW_READER_BYTES": "4", "CONFAB_MAX_PAGE_BYTES": "1"})


def test_no_value_of_a_wrong_variable_is_shown():
    with pytest.raises(ConfigError) as refused:
        load({"SURREALDB_URL": "http://secret", "PORT": "70000"})
    assert "secret" not in str(refused.value)


BAD_CELLS = {
    "b": "",
    "b=ftp://b": "",
    "b=https://b/path": "",
    "B=https://b": "",
    "longer-than-14-chars=https://b": "",
    "b=https://b,b=https://c": "two cells have the same name",
    "b=https://b,c=https://b": "two cells have the same address",
    "b=https://rt.example": "two cells have the same address",
    "main=https://b": "the cell main is at CONFAB_REALTIME_URLS",
}


@pytest.mark.parametrize(
    ("env", "errors"),
    [
        *(
            ({each: CLOUD[each] for each in CLOUD if each != name}, [f"{name} is required"])
            for name in CLOUD
            if name != "K_SERVICE"
        ),
        *(
            (CLOUD | {name: "127.0.0.1:9099"}, [f"{name} must not be set"])
            for name in ("FIREBASE_AUTH_EMULATOR_HOST", "PUBSUB_EMULATOR_HOST")
        ),
        *(
            ({name: " , "}, [f"{name}: names no address"])
            for name in ("CONFAB_ALLOWED_ORIGINS", "CONFAB_REALTIME_URLS")
        ),
        *((CLOUD | {"CONFAB_CELLS": cells}, [f"CONFAB_CELLS: {why}"]) for cells, why in BAD_CELLS.items()),
        *(
            (
                CLOUD | {"CONFAB_CELLS": "b=https://b.example", name: "main,c" if "NEW" in name else "c"},
                [f"{name}: names a cell that CONFAB_CELLS does not have"],
            )
            for name in ("CONFAB_CELL", "CONFAB_NEW_CELLS")
        ),
        ({"CONFAB_CELLS": "b", "CONFAB_CELL": "b", "CONFAB_NEW_CELLS": "b"}, ["CONFAB_CELLS: "]),
        (
            {"CONFAB_MAX_PAGE": "0", "CONFAB_CLOCK_SKEW_S": "61", "SURREALDB_URL": "http://x"}
            | {"CONFAB_REALTIME_URLS": "ftp://x", "PORT": "70000"},
            [
                "CONFAB_MAX_PAGE: ",
                "CONFAB_CLOCK_SKEW_S: ",
                "SURREALDB_URL: ",
                "CONFAB_REALTIME_URLS",
                "PORT: ",
            ],
        ),
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
def test_every_wrong_variable_is_named_and_no_other(env, errors):
    with pytest.raises(ConfigError) as refused:
        load(env)
    assert all(error in str(refused.value) for error in errors)
    assert str(refused.value).count("; ") == len(errors) - 1
