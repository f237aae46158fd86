"""The stack's configuration, validated as a whole before the program makes any resource."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import pulumi
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from confab.config import CellName, WebOrigins
from confab.domain.cells import MAIN
from confab.http.expiry import WITHIN_S
from confab.store.users import ROLES, Role

FUNCTION_TIMEOUT_S = 30
"""Longer than any call to the store and the bus together may take."""
EXPIRY_TIMEOUT_S = int(WITHIN_S) + FUNCTION_TIMEOUT_S
"""For the function that expires conversations, which works for WITHIN_S and may exceed it by one step."""
PASSWORDS: Mapping[Role, str] = {role: f"store{role.title()}Password" for role in ROLES}
"""The stack's secret keys with the passwords of the database's users."""
BUDGET_EMAILS = 5
"""The channels that Google lets a budget notify."""
OPTIONAL = {"OTEL_EXPORTER_OTLP_HEADERS": "otlpHeaders"}
"""Variables that every process reads from Secret Manager if the stack has these secret keys."""
ROOT_PASSWORD = "storeRootPassword"  # noqa: S105 - the name of a key
"""The secret key of the machine's root user, as which no process signs in."""


def _parsed(value: object) -> object:
    """Return a structured value, which Pulumi stores as JSON."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        raise PydanticCustomError("json", "must be JSON, as `pulumi config set --path` writes it") from None


FromJson = BeforeValidator(_parsed)
Count = Annotated[int, Field(ge=1)]
CountOrNone = Annotated[int, Field(ge=0)]
Concurrency = Annotated[int, Field(ge=1, le=1000)]
Memory = Annotated[str, Field(pattern=r"^\d+(Mi|Gi)$")]
Cpu = Annotated[str, Field(pattern=r"^[124]$")]
SiteId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,28}[a-z0-9]$")]
HttpsOrigin = Annotated[str, Field(pattern=r"^https://[^\s/]+$")]


class SettingsError(Exception):
    """The stack's configuration is invalid; the message names each key."""


class _Strict(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        coerce_numbers_to_str=True,  # `pulumi config set --path` turns a text of digits into a number
    )


class Scale(_Strict):
    """The size and number of a service's instances."""

    memory: Memory
    cpu: Cpu = "1"
    """Whole processors: on less than one, Cloud Run serves one request at a time."""
    concurrency: Concurrency
    """Concurrent requests of an instance."""
    min_instances: CountOrNone = 0
    max_instances: Count

    @model_validator(mode="after")
    def _ordered(self) -> "Scale":
        if self.min_instances > self.max_instances:
            raise PydanticCustomError("order", "minInstances is above maxInstances")
        return self


class FunctionScale(Scale):
    """The same for every function."""

    memory: Memory = "512Mi"
    concurrency: Concurrency = 40
    max_instances: Count = 20


class Cell(Scale):
    """One realtime service with a topic of its own."""

    name: CellName
    url: HttpsOrigin | None = None
    """The public address, if the cell has its own domain; by default Cloud Run's address."""
    memory: Memory = "1Gi"
    """1,000 sockets take some 30 MiB; the rest is for unsent bytes of slow readers."""
    concurrency: Concurrency = 1000
    max_instances: Count = 10
    takes_new: bool = True
    """Whether the cell takes new conversations; it keeps those that it has."""


class StoreMachine(_Strict):
    """The machine that runs SurrealDB."""

    type: Annotated[str, Field(pattern=r"^e2-(small|medium|standard-(2|4|8|16|32))$")] = "e2-small"
    zone: Annotated[str, Field(pattern=r"^[a-z]$")] = "b"
    """The zone's letter: every region has a zone b."""
    disk_gib: Annotated[int, Field(ge=10)] = 10
    """May grow, and never shrink."""
    disk: Annotated[str | None, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")] = None
    """A disk in the zone that replaces the program's own, such as one made from a snapshot."""
    snapshot_days: Count = 14
    """How long a daily snapshot is kept."""

    @property
    def memory_mib(self) -> int:
        """The machine's memory."""
        _, size, *processors = self.type.split("-")
        return 4096 * int(processors[0]) if processors else {"small": 2048, "medium": 4096}[size]


class Budget(_Strict):
    """What a month may cost before somebody is told."""

    billing_account: Annotated[str, Field(pattern=r"^[0-9A-F]{6}(-[0-9A-F]{6}){2}$")]
    amount: Count
    """Whole units of the billing account's currency."""


class Settings(_Strict):
    """One deployment. Each field is a key of the stack's configuration in the namespace `confab`."""

    project: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{4,28}[a-z0-9]$")]
    """From `gcp:project`."""
    region: Annotated[str, Field(pattern=r"^[a-z]+-[a-z]+\d{1,2}$")] = "us-central1"
    """From `gcp:region`."""
    image: Annotated[str | None, Field(pattern=r"^[^\s@]+@sha256:[0-9a-f]{64}$")] = None
    """The realtime container's image by its digest, never by a tag; None before the first build."""
    store_url: Annotated[str | None, Field(pattern=r"^wss://\S+$")] = None
    """A store elsewhere; without it, the program makes `store_machine`."""
    store_machine: Annotated[StoreMachine, FromJson] = StoreMachine()
    store_namespace: Annotated[str, Field(min_length=1)] = "confab"
    store_database: Annotated[str, Field(min_length=1)] = "confab"
    store_users: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")] = "confab"
    """What the names of the database's users begin with."""
    site: SiteId | None = None
    """The Hosting site of the app, whose origins may call; by default the project's id. It stays as it is."""
    page: SiteId | None = None
    """The Hosting site of the demonstration page, if that is released."""
    origins: Annotated[WebOrigins, FromJson] = ()
    """Web origins besides the sites' that may send requests and open sockets."""
    cells: Annotated[tuple[Cell, ...], Field(min_length=1), FromJson] = (Cell(name=MAIN),)
    """`main`, which also serves conversations without a cell, and further cells in any order."""
    functions: Annotated[FunctionScale, FromJson] = FunctionScale()
    variables: Annotated[dict[str, str], FromJson] = {}
    """Variables of docs/configuration.md, such as limits, for every function and container."""
    alert_emails: Annotated[tuple[Annotated[str, Field(pattern=r"^\S+@\S+$")], ...], FromJson] = ()
    budget: Annotated[Budget | None, FromJson] = None
    """None makes no budget, which needs rights on the billing account."""

    @model_validator(mode="after")
    def _distinct(self) -> "Settings":
        names = [cell.name for cell in self.cells]
        if len(set(names)) < len(names):
            raise PydanticCustomError("cells", "cells: two have the same name")
        if MAIN not in names:
            raise PydanticCustomError("cells", "cells: there must be one that is called main")
        if not any(cell.takes_new for cell in self.cells):
            raise PydanticCustomError("cells", "cells: none takes new conversations")
        if self.budget and len(self.alert_emails) > BUDGET_EMAILS:
            raise PydanticCustomError("budget", "alertEmails: a budget notifies at most 5")
        return self

    @property
    def sites(self) -> Sequence[str]:
        """The Hosting sites whose origins may call, the app's first."""
        return list(dict.fromkeys(filter(None, (self.site or self.project, self.page))))


def settings_of(values: Mapping[str, Any]) -> Settings:
    """Return the settings of these keys. Raises SettingsError naming every invalid key."""
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        lines = (
            ": ".join(filter(None, (".".join(map(str, line["loc"])), line["msg"])))
            for line in error.errors(include_input=False, include_url=False)
        )
        raise SettingsError("; ".join(lines)) from None


def load() -> Settings:
    """Return the stack's settings. Raises SettingsError naming every invalid key."""
    ours, provider = pulumi.Config("confab"), pulumi.Config("gcp")
    values: dict[str, str | None] = {key: provider.get(key) for key in ("project", "region")}
    fields = (field.alias or name for name, field in Settings.model_fields.items())
    values |= {key: ours.get(key) for key in fields if key not in values}
    secrets = [*PASSWORDS.values(), *OPTIONAL.values(), *([] if values.get("storeUrl") else [ROOT_PASSWORD])]
    wrong = [f"{key}: set it with --secret" for key in secrets if not _is_secret(key)]
    if wrong:
        raise SettingsError("; ".join(wrong))
    return settings_of({key: value for key, value in values.items() if value is not None})


def _is_secret(key: str) -> bool:
    value = pulumi.runtime.get_config(f"confab:{key}")
    if value is None:
        return key in OPTIONAL.values()
    return bool(value) and pulumi.runtime.is_config_secret(f"confab:{key}")
