"""Every environment variable that Confab reads, with its default, checked whole at the start."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo
from pydantic_core import PydanticCustomError

from confab.domain import addresses
from confab.domain.cells import CELL_NAME, MAIN
from confab.domain.limits import Limits


def _split_list(value: object) -> object:
    """The parts of a comma-separated list; a deployment's settings are lists already."""
    if not isinstance(value, str):
        return value
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _require_one(origins: tuple[str, ...]) -> tuple[str, ...]:
    if not origins:  # to Engine.IO, no allowed origin means that every one is
        raise PydanticCustomError("origins", "names no address")
    return origins


def _split_cells(value: str) -> Mapping[str, str]:
    """The cells of a list of `name=url`."""
    pairs = [part.partition("=")[::2] for part in value.split(",") if part.strip()]
    cells = {name.strip(): url.strip() for name, url in pairs}
    if len(cells) < len(pairs):
        raise PydanticCustomError("cells", "two cells have the same name")
    return cells


def _require_distinct(cells: Mapping[str, str], info: ValidationInfo) -> Mapping[str, str]:
    if MAIN in cells:
        raise PydanticCustomError("cells", "the cell main is at CONFAB_REALTIME_URLS")
    if len({*cells.values()}.difference(info.data.get("realtime_urls", ()))) < len(cells):
        raise PydanticCustomError("cells", "two cells have the same address")
    return cells


def _require_cell(cell: str, info: ValidationInfo) -> str:
    if cell not in (MAIN, *info.data.get("cells", (cell,))):  # if `cells` is invalid, that is the error
        raise PydanticCustomError("cell", "names a cell that CONFAB_CELLS does not have")
    return cell


def _seconds_or_never(value: object) -> object:
    if not isinstance(value, str) or value.isdecimal():
        return value
    if value.strip().lower() != "never":
        raise PydanticCustomError("seconds", "must be whole seconds, or never")
    return None


Name = Annotated[str, Field(min_length=1)]
ProjectId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9.:-]*$")]
"""Not its number, which no token names."""
HttpUrl = Annotated[str, AfterValidator(addresses.http_url)]
StoreUrl = Annotated[str, AfterValidator(addresses.store_url)]
HostAndPort = Annotated[str, AfterValidator(addresses.host_and_port)]
WebOrigin = Annotated[str, AfterValidator(addresses.web_origin)]
WebOrigins = Annotated[tuple[WebOrigin, ...], BeforeValidator(_split_list), AfterValidator(_require_one)]
HttpBase = Annotated[str, AfterValidator(addresses.http_base)]
HttpBases = Annotated[tuple[HttpBase, ...], BeforeValidator(_split_list), AfterValidator(_require_one)]
CellName = Annotated[str, Field(pattern=f"^{CELL_NAME}$")]
Cells = Annotated[
    Mapping[CellName, HttpBase], BeforeValidator(_split_cells), AfterValidator(_require_distinct)
]
KnownCell = Annotated[str, AfterValidator(_require_cell)]
SecondsOrNever = Annotated[Annotated[int, Field(ge=0)] | None, BeforeValidator(_seconds_or_never)]


class ConfigError(Exception):
    """The environment does not make a usable configuration; the message names each variable."""


class Config(Limits):
    """One process's configuration: its limits, and what it talks to.

    The alias of a field is its environment variable: `CONFAB_` and its name where none is given.
    """

    model_config = ConfigDict(extra="ignore", validate_by_name=False)

    host: Annotated[str, Field(alias="HOST", pattern=r"^[^\s/\[\]]+$")] = "127.0.0.1"
    port: Annotated[int, Field(alias="PORT", ge=0, le=65_535)] = 8080
    """Where a realtime container listens; 0 picks a free port."""
    surrealdb_url: Annotated[StoreUrl, Field(alias="SURREALDB_URL")] = "ws://127.0.0.1:8000"
    surrealdb_namespace: Annotated[Name, Field(alias="SURREALDB_NAMESPACE")] = "confab"
    surrealdb_database: Annotated[Name, Field(alias="SURREALDB_DATABASE")] = "confab"
    surrealdb_user: Annotated[Name, Field(alias="SURREALDB_USER")] = "root"
    surrealdb_password: Annotated[Name, Field(alias="SURREALDB_PASSWORD", repr=False)] = "root"  # noqa: S105 - the local server's
    surrealdb_auth_level: Annotated[Literal["root", "database"], Field(alias="SURREALDB_AUTH_LEVEL")] = "root"
    """Where the user is defined; on Cloud Run in the database alone."""
    project: Annotated[ProjectId, Field(alias="GOOGLE_CLOUD_PROJECT")] = "demo-confab"
    auth_emulator_host: Annotated[HostAndPort | None, Field(alias="FIREBASE_AUTH_EMULATOR_HOST")] = None
    pubsub_emulator_host: Annotated[HostAndPort | None, Field(alias="PUBSUB_EMULATOR_HOST")] = None
    telemetry_endpoint: Annotated[HttpUrl | None, Field(alias="OTEL_EXPORTER_OTLP_ENDPOINT")] = None
    """Where traces and metrics go over OTLP; None keeps OpenTelemetry from being imported."""
    service: Annotated[Name, Field(alias="OTEL_SERVICE_NAME")] = "confab"
    allowed_origins: WebOrigins = ("http://127.0.0.1:5000", "http://localhost:5000")
    realtime_urls: HttpBases = ("http://127.0.0.1:8081", "http://127.0.0.1:8082")
    """Each serves every room of the cell `main`."""
    cells: Cells = Field(default_factory=dict)
    """The cells besides `main`, and the address of each."""
    cell: KnownCell = MAIN
    """The one that a realtime container serves."""
    new_cells: Annotated[tuple[KnownCell, ...], BeforeValidator(_split_list)] = ()
    """The cells of new conversations; empty for all."""
    clock_skew_s: Annotated[int, Field(ge=0, le=60)] = 5
    revocation_ttl_s: SecondsOrNever = 60
    """Seconds for which a user who was found unrevoked is not looked up again; 0 looks every time.

    None, written `never`, looks nobody up: a revoked token is then good until it expires.
    """
    revocation_grace_s: Annotated[int, Field(ge=0)] = 300
    """Seconds for which users with live sockets stay once they are due to be looked up, if nobody can be."""
    require_verified_email: bool = False
    """Whether users are refused whose token says that their email address is not verified; agents are not."""
    app_check: Literal["off", "required"] = "off"
    """Whether users, agents aside, need an App Check token of an app of the project, too."""
    retention_days: Annotated[int, Field(ge=0, le=36_500)] = 0
    """Days without activity after which a conversation is deleted; 0 keeps it for ever."""

    @property
    def addresses(self) -> Mapping[str, Sequence[str]]:
        """The addresses of each cell."""
        return {MAIN: self.realtime_urls} | {name: (url,) for name, url in self.cells.items()}

    @property
    def open_cells(self) -> Sequence[str]:
        """The cells that new conversations are spread over."""
        return self.new_cells or tuple(self.addresses)


REQUIRED_ON_CLOUD_RUN = (
    "SURREALDB_URL",
    "SURREALDB_USER",
    "SURREALDB_PASSWORD",
    "GOOGLE_CLOUD_PROJECT",
    "CONFAB_ALLOWED_ORIGINS",
    "CONFAB_REALTIME_URLS",
)
FORBIDDEN_ON_CLOUD_RUN = ("FIREBASE_AUTH_EMULATOR_HOST", "PUBSUB_EMULATOR_HOST")
LOCAL_EMULATORS = {
    "FIREBASE_AUTH_EMULATOR_HOST": "127.0.0.1:9099",
    "PUBSUB_EMULATOR_HOST": "127.0.0.1:8085",
}


def load(env: Mapping[str, str], *, serving: bool = True) -> Config:
    """The configuration that `env` makes. Raises ConfigError naming every variable that is wrong.

    An empty variable counts as absent. On Cloud Run nothing may be left to a default that is
    meant for a developer's machine, no address may be unencrypted, and an emulator's is refused:
    with one, anybody's unsigned token would be accepted. A `demo-` project, which by Firebase's
    convention does not exist in the cloud, uses the emulators at their usual addresses. A process
    that is `serving` with emulators does so on loopback alone, wherever it runs.
    """
    given: dict[str, Any] = {name: value for name, value in env.items() if value != ""}
    problems: list[str] = []
    emulated = given.get("FUNCTIONS_EMULATOR") == "true"  # which sets K_SERVICE, too
    in_cloud = bool(given.keys() & {"K_SERVICE", "CLOUD_RUN_JOB"}) and not emulated
    if in_cloud:
        problems += [
            f"{name} is required on Cloud Run" for name in REQUIRED_ON_CLOUD_RUN if name not in given
        ]
        problems += [
            f"{name} must not be set on Cloud Run" for name in FORBIDDEN_ON_CLOUD_RUN if name in given
        ]
        # Behind Google's front end, and as a user of one database.
        given = {"CONFAB_TRUSTED_PROXIES": 1, "SURREALDB_AUTH_LEVEL": "database"} | given
    elif given.get("GOOGLE_CLOUD_PROJECT", "demo-").startswith("demo-"):
        given = LOCAL_EMULATORS | given
    if "K_SERVICE" in given:
        given = {"OTEL_SERVICE_NAME": given["K_SERVICE"]} | given
    try:
        config = Config.model_validate(given)
    except ValidationError as error:
        problems += [f"{line['loc'][0]}: {line['msg']}" for line in error.errors(include_input=False)]
    else:
        complete = not problems
        problems += _contradictions(config)
        if complete:  # a default is no further mistake
            problems += _unsafe(config) if in_cloud else ()
            problems += _exposed(config) if serving else ()
    if problems:
        raise ConfigError("; ".join(problems))
    return config


def _unsafe(config: Config) -> Iterator[str]:
    """The addresses that anybody on the way could read or answer for, and a user who may do everything."""
    if config.surrealdb_auth_level == "root":
        yield "SURREALDB_AUTH_LEVEL: must be database on Cloud Run"
    if config.surrealdb_url.startswith("ws:") and not addresses.is_private(config.surrealdb_url):
        yield "SURREALDB_URL: must be wss:// on Cloud Run, unless it is a private IP address"
    telemetry = config.telemetry_endpoint or ""
    if telemetry.startswith("http:") and not addresses.is_loopback(telemetry):
        yield "OTEL_EXPORTER_OTLP_ENDPOINT: must be https:// on Cloud Run, unless it is on loopback"
    lists = {
        "CONFAB_ALLOWED_ORIGINS": config.allowed_origins,
        "CONFAB_REALTIME_URLS": config.realtime_urls,
        "CONFAB_CELLS": config.cells.values(),
    }
    for name, urls in lists.items():
        if any(url.startswith("http:") for url in urls):
            yield f"{name}: must be https:// on Cloud Run"


def _exposed(config: Config) -> Iterator[str]:
    """The addresses by which somebody elsewhere could use a process that accepts unsigned tokens."""
    if config.auth_emulator_host is None:
        return
    hosts = {
        "HOST": config.host,
        "SURREALDB_URL": config.surrealdb_url,
        "FIREBASE_AUTH_EMULATOR_HOST": config.auth_emulator_host,
    }
    for name, host in hosts.items():
        if not addresses.is_loopback(host):
            yield (
                f"{name}: must be on loopback while FIREBASE_AUTH_EMULATOR_HOST is set or"
                " GOOGLE_CLOUD_PROJECT is a demo- project, as it is by default: anybody's unsigned token"
                " is accepted then"
            )


def _contradictions(config: Config) -> Iterator[str]:
    """The limits that contradict others, and why."""
    escaped = 6 * (config.max_content_bytes + config.max_metadata_bytes) + 4_096
    if config.max_body_bytes < escaped:
        yield (
            f"CONFAB_MAX_BODY_BYTES: must be at least {escaped}, which is 6 x (CONFAB_MAX_CONTENT_BYTES"
            " + CONFAB_MAX_METADATA_BYTES) + 4096: JSON may write one byte of text as six"
        )
    if 4 * config.max_page_bytes > config.slow_reader_bytes:
        yield (
            f"CONFAB_MAX_PAGE_BYTES: must be at most {config.slow_reader_bytes // 4}, a quarter of"
            " CONFAB_SLOW_READER_BYTES: a page alone must not make a slow reader of a socket"
        )
