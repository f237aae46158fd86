"""The environment of every function and container."""

from collections.abc import Mapping, Sequence

from confab import config
from confab.domain.cells import MAIN
from infra.allocator import MALLOC
from infra.gcp.names import realtime_of, url_of
from infra.gcp.settings import Settings, SettingsError

CREDENTIALS = {
    "SURREALDB_USER": "storeUser",
    "SURREALDB_PASSWORD": "storePassword",
    "OTEL_EXPORTER_OTLP_HEADERS": "otlpHeaders",
}
"""Variables that come from Secret Manager, and the keys of the stack that hold their values."""
_OF_THE_SDK = "OTEL_"
"""What OpenTelemetry's SDK reads by itself."""
BUILD = {"SOURCE_DATE_EPOCH": "315532800"}
"""Variables of the functions' build.

The build compiles the source, then gives every file the same time. With this variable bytecode
is bound to the source's content and not to its time, so it is still good when an instance starts.
"""


def known(name: str) -> bool:
    """Whether a process of Confab in the cloud reads this variable, or a library below it."""
    ours = {field.alias for field in config.Config.model_fields.values()}
    ours -= {*config.FORBIDDEN_ON_CLOUD_RUN, "HOST", "PORT"}  # the last two are Cloud Run's
    return name in ours or name in MALLOC or name.startswith(_OF_THE_SDK)


def addresses(settings: Settings, project_number: str) -> Mapping[str, str]:
    """Where each cell is reached, in the order of the configuration."""
    return {
        cell.name: cell.url or url_of(realtime_of(cell.name), project_number, settings.region)
        for cell in settings.cells
    }


def site_origins(settings: Settings) -> Sequence[str]:
    """The two origins of the Hosting site."""
    return [f"https://{settings.site_id}.web.app", f"https://{settings.site_id}.firebaseapp.com"]


def variables(settings: Settings, project_number: str) -> Mapping[str, str]:
    """Every variable but the credentials, and but CONFAB_CELL, which each container has of its own.

    Raises SettingsError for one that Confab does not read, that another key decides, or whose
    value a process would refuse when it starts.
    """
    decided = {
        "SURREALDB_URL": settings.store_url,
        "SURREALDB_NAMESPACE": settings.store_namespace,
        "SURREALDB_DATABASE": settings.store_database,
        "GOOGLE_CLOUD_PROJECT": settings.project,
        "CONFAB_ALLOWED_ORIGINS": ",".join([*site_origins(settings), *settings.origins]),
        **_cells(settings, addresses(settings, project_number)),
    }
    elsewhere = decided.keys() | CREDENTIALS.keys() | {"CONFAB_CELL"}
    problems = [
        f"variables.{name}: {_misplaced(name)}"
        for name in settings.variables
        if name in elsewhere or not known(name)
    ]
    if problems:
        raise SettingsError("; ".join(problems))
    env = MALLOC | {name: value for name, value in decided.items() if value} | settings.variables
    try:
        config.load(env | dict.fromkeys(CREDENTIALS, "secret") | {"K_SERVICE": "confab"})
    except config.ConfigError as error:
        raise SettingsError(f"variables: {error}") from None
    return env


def _misplaced(name: str) -> str:
    if name in CREDENTIALS:
        return f"it is a secret: set {CREDENTIALS[name]} with --secret"
    return "another key decides it" if known(name) else "Confab reads no such variable"


def _cells(settings: Settings, urls: Mapping[str, str]) -> Mapping[str, str]:
    return {
        "CONFAB_REALTIME_URLS": urls[MAIN],
        "CONFAB_CELLS": ",".join(f"{name}={url}" for name, url in urls.items() if name != MAIN),
        "CONFAB_NEW_CELLS": ",".join(cell.name for cell in settings.cells if cell.takes_new),
    }
