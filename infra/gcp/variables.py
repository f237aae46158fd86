"""The environment of every function and container."""

from collections.abc import Mapping, Sequence

from confab import config
from confab.domain.cells import MAIN
from infra.allocator import MALLOC
from infra.gcp import network
from infra.gcp.names import realtime_of
from infra.gcp.settings import OPTIONAL, PASSWORDS, Settings, SettingsError

SDK_PREFIX = "OTEL_"  # OpenTelemetry's SDK reads these itself
ACCOUNT = ("SURREALDB_USER", "SURREALDB_PASSWORD")
"""The variables of a process's user of the store."""
BUILD = {"SOURCE_DATE_EPOCH": "315532800"}
"""Variables of the functions' build.

The build compiles the source, then sets the time of every file. This variable makes bytecode valid
by the source's content instead of its time, so an instance that starts does not compile again.
"""


def known(name: str) -> bool:
    """Return whether a process of Confab in the cloud, or one of its libraries, reads this variable."""
    ours = {field.alias for field in config.Config.model_fields.values()}
    ours -= {*config.FORBIDDEN_ON_CLOUD_RUN, "HOST", "PORT"}  # the last two are Cloud Run's
    return name in ours or name in MALLOC or name.startswith(SDK_PREFIX)


def addresses(settings: Settings, project_number: str) -> Mapping[str, str]:
    """Return the address of each cell, in the order of the configuration."""
    return {
        cell.name: cell.url or f"https://{realtime_of(cell.name)}-{project_number}.{settings.region}.run.app"
        for cell in settings.cells
    }


def site_origins(settings: Settings) -> Sequence[str]:
    """Return the two origins of each Hosting site."""
    return [f"https://{site}.{end}" for site in settings.sites for end in ("web.app", "firebaseapp.com")]


def variables(settings: Settings, project_number: str) -> Mapping[str, str]:
    """Return all variables except the credentials and CONFAB_CELL, which differ by process.

    Raises SettingsError for a variable that Confab does not read, that another key sets, or whose
    value a process would refuse when it starts.
    """
    derived = {
        "SURREALDB_URL": settings.store_url or network.URL,
        "SURREALDB_NAMESPACE": settings.store_namespace,
        "SURREALDB_DATABASE": settings.store_database,
        "SURREALDB_AUTH_LEVEL": "database",
        "GOOGLE_CLOUD_PROJECT": settings.project,
        "CONFAB_ALLOWED_ORIGINS": ",".join([*site_origins(settings), *settings.origins]),
        **_cells(settings, addresses(settings, project_number)),
    }
    reserved = derived.keys() | OPTIONAL.keys() | {*ACCOUNT, "CONFAB_CELL"}
    problems = [
        f"variables.{name}: {_refusal(name)}"
        for name in settings.variables
        if name in reserved or not known(name)
    ]
    if problems:
        raise SettingsError("; ".join(problems))
    env = MALLOC | {name: value for name, value in derived.items() if value} | settings.variables
    try:
        configuration(env)
    except config.ConfigError as error:
        raise SettingsError(f"variables: {error}") from None
    return env


def configuration(env: Mapping[str, str]) -> config.Config:
    """Return the configuration of a process with these variables. Raises ConfigError."""
    return config.load({**env, **dict.fromkeys(ACCOUNT, "secret"), "K_SERVICE": "confab"})


def _refusal(name: str) -> str:
    if name in OPTIONAL:
        return f"it is a secret: set {OPTIONAL[name]} with --secret"
    if name in ACCOUNT:
        return f"each process has its own: set storeUsers, and {', '.join(PASSWORDS.values())} with --secret"
    return "another key sets it" if known(name) else "Confab reads no such variable"


def _cells(settings: Settings, urls: Mapping[str, str]) -> Mapping[str, str]:
    return {
        "CONFAB_REALTIME_URLS": urls[MAIN],
        "CONFAB_CELLS": ",".join(f"{name}={url}" for name, url in urls.items() if name != MAIN),
        "CONFAB_NEW_CELLS": ",".join(cell.name for cell in settings.cells if cell.takes_new),
    }
