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


CELLS = {"CONFAB_CELLS": "b=https://b.example/, eu-west = https://eu.example", "CONFAB_CELL": "b"}
ADDRESSES = {"main": ("https://rt.example",), "b": ("https://b.example",), "eu-west": ("https://eu.example",)}
MISSPELT = {"max_page": "1", "port": "1", "cell": "b", "confab_max_page": "1", "CONFAB_MAX_PAGE": ""}
EMULATED = {
    "K_SERVICE": "add_message",
    "FUNCTIONS_EMULATOR": "true",
    "FIREBASE_AUTH_EMULATOR_HOST": "127.0.0.1:1",
}
DEFAULTS = {
    **dict(Limits()),
    "host": "127.0.0.1",
    "port": 8080,
    "project": "demo-confab",
    "surrealdb_url": "ws://127.0.0.1:8000",
    "surrealdb_namespace": "confab",
    "surrealdb_database": "confab",
    "surrealdb_auth_level": "root",
    "auth_emulator_host": "127.0.0.1:9099",
    "pubsub_emulator_host": "127.0.0.1:8085",
    "cell": "main",
    "open_cells": ("main",),
    "service": "confab",
}


SENT_BY_BROWSERS = {
    "https://a.example:443": "https://a.example",
    "http://a.example:80/": "http://a.example",
    "HTTPS://A.Example": "https://a.example",
    "https://bücher.example": "https://xn--bcher-kva.example",
    "https://faß.example": "https://xn--fa-hia.example",
    "http://[::1]:5000": "http://[::1]:5000",
    "http://[0:0:0:0:0:0:0:1]:80": "http://[::1]",
    "http://127.1:5000": "http://127.0.0.1:5000",
    "https://a.example:8443": "https://a.example:8443",
    "https://a.example.": "https://a.example.",
    **{origin: origin for origin in ("capacitor://localhost", "ionic://localhost", "tauri://localhost")},
    "app://-": "app://-",
    "chrome-extension://abcdefghijklmnop/": "chrome-extension://abcdefghijklmnop",
}
"""Origins as operators write them, and as a browser does."""
NO_ORIGINS = {
    "https://a.example/app": "must be scheme, host and port alone: write https://a.example",
    "https://me:pass@A.example:8443": "must be scheme, host and port alone: write https://a.example:8443",
    "https://a.example?x=1": "must be scheme, host and port alone: write https://a.example",
    "wss://a.example:443/": "must be scheme, host and port alone: write https://a.example",
    "*": "is a pattern: name each address in full",
    "null": "null is the origin of every file and sandboxed page",
    "file:///app": "pages at file: have no origin",
    "a.example": "has no scheme: write https://a.example",
    "localhost:5000": "has no scheme: write https://localhost:5000, or http://localhost:5000",
    "https://a.example https://b.example": "has a space or a quotation mark in it",
    '"https://a.example"': "has a space or a quotation mark in it",
    "https://a.example:99999": "is no address",
    "capacitor://": "has no host",
}


FAR_STORE = {"HOST": "10.0.0.1", "SURREALDB_URL": "ws://db.example"}
READ = {
    "the contract's defaults": ({}, DEFAULTS),
    "one spelling, absent if empty": (MISSPELT, DEFAULTS),
    "lists": (CLOUD, {"allowed_origins": ("https://app.example", "https://www.app.example")}),
    "Cloud Run": (CLOUD, {"auth_emulator_host": None}),
    "a real project": ({"GOOGLE_CLOUD_PROJECT": "prod"}, {"pubsub_emulator_host": None}),
    "Cloud Run's own network": (
        CLOUD | {"SURREALDB_URL": "ws://10.1.2.3:8000", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://[::1]:4318"},
        {"surrealdb_url": "ws://10.1.2.3:8000", "telemetry_endpoint": "http://[::1]:4318"},
    ),
    "a user of one database": (CLOUD, {"surrealdb_auth_level": "database"}),
    "emulators on loopback": (
        {"HOST": "::1", "FIREBASE_AUTH_EMULATOR_HOST": "[::1]:1", "SURREALDB_URL": "wss://localhost"},
        {"host": "::1", "auth_emulator_host": "[::1]:1"},
    ),
    "verified tokens alone": ({"GOOGLE_CLOUD_PROJECT": "prod", **FAR_STORE}, {"host": "10.0.0.1"}),
    "an emulated function": (EMULATED, {"auth_emulator_host": "127.0.0.1:1", "service": "add_message"}),
    "behind Google's front end": (CLOUD, {"trusted_proxies": 1}),
    "behind one more proxy": (CLOUD | {"CONFAB_TRUSTED_PROXIES": "2"}, {"trusted_proxies": 2}),
    "behind none that is emulated": (EMULATED, {"trusted_proxies": 0}),
    "a named service": (EMULATED | {"OTEL_SERVICE_NAME": "chat"}, {"service": "chat"}),
    **{
        f"an origin, {given}": ({"CONFAB_ALLOWED_ORIGINS": given}, {"allowed_origins": (sent,)})
        for given, sent in SENT_BY_BROWSERS.items()
    },
    "an address": (
        {"CONFAB_REALTIME_URLS": "HTTPS://RT.example:443/"},
        {"realtime_urls": ("https://rt.example",)},
    ),
    "the store's path": ({"SURREALDB_URL": "ws://[::1]:8000/rpc"}, {"surrealdb_url": "ws://[::1]:8000"}),
    "IPv6": ({"PUBSUB_EMULATOR_HOST": "[::1]:8085"}, {"pubsub_emulator_host": "[::1]:8085"}),
    "Never": ({"CONFAB_REVOCATION_TTL_S": "Never"}, {"revocation_ttl_s": None}),
    "cells": (CLOUD | CELLS, {"addresses": ADDRESSES, "cell": "b", "open_cells": tuple(ADDRESSES)}),
}


@pytest.mark.parametrize(("env", "values"), READ.values(), ids=READ)
def test_an_environment_is_read(env, values):
    config = load(env)
    assert {name: getattr(config, name) for name in values} == values


def test_a_process_that_accepts_no_token_may_use_a_store_elsewhere():
    assert load(FAR_STORE, serving=False).surrealdb_url == FAR_STORE["SURREALDB_URL"]


def test_limits_may_be_as_tight_as_the_rules_allow():
    load({"CONFAB_MAX_BODY_BYTES": "225280", "CONFAB_SLOW_READER_BYTES": "4", "CONFAB_MAX_PAGE_BYTES": "1"})


REQUIRED = sorted(CLOUD.keys() - {"K_SERVICE"})
BAD_ADDRESSES = {
    "CONFAB_REALTIME_URLS": {
        "wss://rt.example": "write https://rt.example",
        "https://rt.example/socket.io/": "write https://rt.example",
        "capacitor://localhost": "must begin with https:// or http://",
        "rt.example": "has no scheme",
    },
    "SURREALDB_URL": {
        "https://db.example": "write wss:// for https://",
        "ws://root:pass@db.example": "write that to SURREALDB_USER and SURREALDB_PASSWORD",
        "db.example:8000": "has no scheme: write wss://db.example:8000",
        "root:pass@db.example": "has no scheme: write wss://, or ws://",
        "wss://": "is no address",
        "wss://db.example?ns=x": "must be ws:// or wss://, a host",
        "mem://": "has no host",
    },
    "PUBSUB_EMULATOR_HOST": {
        "http://127.0.0.1:8085/": "write 127.0.0.1:8085",
        "127.0.0.1": "must be host:port",
        "127.0.0.1:70000": "must be host:port",
        "::1:8085": "must be host:port",
    },
    "HOST": {"http://0.0.0.0": "should match", "[::]": "should match"},
    "GOOGLE_CLOUD_PROJECT": {
        "projects/x": "should match",
        "123456": "should match",
        "My App": "should match",
    },
    "CONFAB_REVOCATION_TTL_S": {"ever": "must be whole seconds, or never"},
    "CONFAB_MAX_PAGE": {"200 items": "valid integer", "1e3": "valid integer", "9" * 20: "less than or equal"},
    "OTEL_EXPORTER_OTLP_ENDPOINT": {"collector:4318": "has no scheme", "http://": "is no address"},
}
"""Each with what the refusal says."""
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


JOB = {name: value for name, value in CLOUD.items() if name != "K_SERVICE"} | {"CLOUD_RUN_JOB": "schema"}
PLAIN = {
    "SURREALDB_URL": ("ws://db.example", "wss:// on Cloud Run, unless it is a private IP address"),
    "OTEL_EXPORTER_OTLP_ENDPOINT": ("http://otel.example", "https:// on Cloud Run, unless it is on loopback"),
    "CONFAB_ALLOWED_ORIGINS": ("https://a.example,http://localhost:5000", "https:// on Cloud Run"),
    "CONFAB_REALTIME_URLS": ("http://rt.example", "https:// on Cloud Run"),
    "CONFAB_CELLS": ("b=http://b.example", "https:// on Cloud Run"),
}
"""Unencrypted addresses, and what they must be."""
EMULATORS = {"GOOGLE_CLOUD_PROJECT": "prod", "FIREBASE_AUTH_EMULATOR_HOST": "localhost:9099"}
FAR = {"HOST": "10.0.0.1", "SURREALDB_URL": "wss://db.example", "FIREBASE_AUTH_EMULATOR_HOST": "auth:9099"}
"""Addresses of which each would let others use a process that accepts unsigned tokens."""


WRONG = [
    *(
        (f"{name}: must be {rule}", where | {name: plain})
        for where in (CLOUD, JOB)
        for name, (plain, rule) in PLAIN.items()
    ),
    *(
        (f"{name}: must be on loopback while FIREBASE_AUTH_EMULATOR_HOST is set", near | {name: far})
        for near in ({}, {"GOOGLE_CLOUD_PROJECT": "demo-x"}, EMULATORS, EMULATED)
        for name, far in FAR.items()
    ),
    *((f"{name} is required", {each: CLOUD[each] for each in CLOUD if each != name}) for name in REQUIRED),
    ("FIREBASE_AUTH_EMULATOR_HOST must not be set", CLOUD | {"FIREBASE_AUTH_EMULATOR_HOST": "127.0.0.1:1"}),
    ("SURREALDB_AUTH_LEVEL: must be database on Cloud Run", CLOUD | {"SURREALDB_AUTH_LEVEL": "root"}),
    ("SURREALDB_AUTH_LEVEL: ", {"SURREALDB_AUTH_LEVEL": "namespace"}),
    ("PUBSUB_EMULATOR_HOST must not be set", CLOUD | {"PUBSUB_EMULATOR_HOST": "127.0.0.1:1"}),
    *((f"CONFAB_ALLOWED_ORIGINS: {why}", {"CONFAB_ALLOWED_ORIGINS": no}) for no, why in NO_ORIGINS.items()),
    *((why, {name: bad}) for name, cases in BAD_ADDRESSES.items() for bad, why in cases.items()),
    ("CONFAB_ALLOWED_ORIGINS: names no address", {"CONFAB_ALLOWED_ORIGINS": " , "}),
    ("CONFAB_REALTIME_URLS: names no address", {"CONFAB_REALTIME_URLS": " , "}),
    *((f"CONFAB_CELLS: {why}", CLOUD | {"CONFAB_CELLS": cells}) for cells, why in BAD_CELLS.items()),
    ("CONFAB_CELLS: ", {"CONFAB_CELLS": "b", "CONFAB_CELL": "b", "CONFAB_NEW_CELLS": "b"}),
    ("CONFAB_CELL: names a cell that CONFAB_CELLS does not have", CLOUD | CELLS | {"CONFAB_CELL": "c"}),
    ("CONFAB_NEW_CELLS: names a cell that", CLOUD | CELLS | {"CONFAB_NEW_CELLS": "main,c"}),
    ("CONFAB_MAX_PAGE_BYTES: must be at most 262144", {"CONFAB_MAX_PAGE_BYTES": "262145"}),
    ("CONFAB_MAX_PAGE_BYTES: must be at most 262143", {"CONFAB_SLOW_READER_BYTES": "1048575"}),
    ("CONFAB_MAX_BODY_BYTES: must be at least 225280", {"CONFAB_MAX_BODY_BYTES": "225279"}),
    ("CONFAB_MAX_BODY_BYTES: must be at least 268672", {"CONFAB_MAX_CONTENT_BYTES": "40000"}),
]


@pytest.mark.parametrize(("error", "env"), WRONG)
def test_a_wrong_variable_is_named_and_no_other(error, env):
    with pytest.raises(ConfigError) as refused:
        load(env)
    assert error in str(refused.value)
    assert "; " not in str(refused.value)


SEVERAL = {
    "CONFAB_MAX_PAGE": "0",
    "CONFAB_CLOCK_SKEW_S": "61",
    "SURREALDB_URL": "http://secret",
    "CONFAB_REALTIME_URLS": "ftp://secret",
    "PORT": "70000",
}
TOO_LARGE = {"CONFAB_MAX_METADATA_BYTES": "50000", "CONFAB_SLOW_READER_BYTES": "1"}


@pytest.mark.parametrize(
    ("env", "wrong"),
    [(SEVERAL, SEVERAL), (TOO_LARGE, ["CONFAB_MAX_BODY_BYTES", "CONFAB_MAX_PAGE_BYTES"])],
)
def test_every_wrong_variable_is_named_at_once_and_no_value_is_shown(env, wrong):
    with pytest.raises(ConfigError) as refused:
        load(env)
    text = str(refused.value)
    assert all(name in text for name in wrong)
    assert text.count("; ") == len(wrong) - 1
    assert "secret" not in text
