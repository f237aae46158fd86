"""The stack's configuration, checked whole before anything is made."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

import pulumi
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from confab.config import CellName, HttpOrigins
from confab.domain.cells import MAIN

FUNCTION_TIMEOUT_S = 30
"""Longer than any call to the store and the bus together may take."""
SECRETS = ("storeUser", "storePassword")
"""The keys that `pulumi config set --secret` has to write."""
OPTIONAL_SECRETS = ("otlpHeaders",)
"""Those that it may write."""


def _parsed(value: object) -> object:
    """A structured value; Pulumi keeps it as JSON."""
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
HttpsOrigin = Annotated[str, Field(pattern=r"^https://[^\s/]+$")]


class SettingsError(Exception):
    """The stack's configuration is not usable; the message names each key."""


class _Strict(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        coerce_numbers_to_str=True,  # `pulumi config set --path` makes numbers of what looks like one
    )


class Scale(_Strict):
    """How large the instances of a service are, and how many there may be."""

    memory: Memory
    cpu: Cpu = "1"
    """Whole processors: with less than one, Cloud Run serves one request at a time."""
    concurrency: Concurrency
    """Requests that an instance serves at a time."""
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
    """Its public address, where it has a domain of its own; otherwise the one that Cloud Run gives it."""
    memory: Memory = "1Gi"
    """1,000 sockets take some 30 MiB; what slow readers have not read yet takes the rest."""
    concurrency: Concurrency = 1000
    max_instances: Count = 10
    takes_new: bool = True
    """Whether new conversations go here; those that are here stay."""


class Settings(_Strict):
    """One deployment. Each field is a key of the stack's configuration in the namespace `confab`."""

    project: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{4,28}[a-z0-9]$")]
    """From `gcp:project`."""
    region: Annotated[str, Field(pattern=r"^[a-z]+-[a-z]+\d{1,2}$")] = "us-central1"
    """From `gcp:region`."""
    image: Annotated[str, Field(pattern=r"^\S+(:[\w.-]+|@sha256:[0-9a-f]{64})$")]
    """The realtime container's, with a tag or a digest."""
    store_url: Annotated[str, Field(pattern=r"^wss://\S+$")]
    store_namespace: Annotated[str, Field(min_length=1)] = "confab"
    store_database: Annotated[str, Field(min_length=1)] = "confab"
    site: Annotated[str | None, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,28}[a-z0-9]$")] = None
    """The Hosting site's id; otherwise the project's id."""
    origins: Annotated[HttpOrigins, FromJson] = ()
    """Further web origins that may call and open sockets, beside the site's own."""
    cells: Annotated[tuple[Cell, ...], Field(min_length=1), FromJson] = (Cell(name=MAIN),)
    """`main`, which serves the conversations of no other cell, and further ones in any order."""
    functions: Annotated[FunctionScale, FromJson] = FunctionScale()
    variables: Annotated[dict[str, str], FromJson] = {}
    """Limits and other variables of docs/configuration.md, for every function and container."""
    alert_emails: Annotated[tuple[Annotated[str, Field(pattern=r"^\S+@\S+$")], ...], FromJson] = ()

    @model_validator(mode="after")
    def _distinct(self) -> "Settings":
        names = [cell.name for cell in self.cells]
        if len(set(names)) < len(names):
            raise PydanticCustomError("cells", "cells: two have the same name")
        if MAIN not in names:
            raise PydanticCustomError("cells", "cells: there must be one that is called main")
        if not any(cell.takes_new for cell in self.cells):
            raise PydanticCustomError("cells", "cells: none takes new conversations")
        return self

    @property
    def site_id(self) -> str:
        """The Hosting site's id."""
        return self.site or self.project


def settings_of(values: Mapping[str, Any]) -> Settings:
    """The settings that these keys make. Raises SettingsError naming every key that is wrong."""
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        lines = (
            ": ".join(filter(None, (".".join(map(str, line["loc"])), line["msg"])))
            for line in error.errors(include_input=False, include_url=False)
        )
        raise SettingsError("; ".join(lines)) from None


def load() -> Settings:
    """This stack's settings, checked. Raises SettingsError naming every key that is wrong."""
    ours, provider = pulumi.Config("confab"), pulumi.Config("gcp")
    values: dict[str, str | None] = {key: provider.get(key) for key in ("project", "region")}
    fields = (field.alias or name for name, field in Settings.model_fields.items())
    values |= {key: ours.get(key) for key in fields if key not in values}
    given = [key for key in OPTIONAL_SECRETS if pulumi.runtime.get_config(f"confab:{key}") is not None]
    unusable = [f"{key}: set it with --secret" for key in (*SECRETS, *given) if not _is_secret(key)]
    if unusable:
        raise SettingsError("; ".join(unusable))
    return settings_of({key: value for key, value in values.items() if value is not None})


def _is_secret(key: str) -> bool:
    return pulumi.runtime.is_config_secret(f"confab:{key}") and bool(
        pulumi.runtime.get_config(f"confab:{key}")
    )
