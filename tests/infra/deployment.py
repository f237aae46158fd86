"""What the program makes, as data that tests read and mutations alter."""

import copy
import json
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from tests.infra.collect import program

SECRETS = {"confab:storeUser": "the-user-7c1", "confab:storePassword": "the-password-e09"}
HEADERS = "confab:otlpHeaders"
"""A secret that need not be set."""
BASE = {
    "gcp:project": "my-project",
    "confab:image": "us-central1-docker.pkg.dev/my-project/confab/realtime:1",
    "confab:storeUrl": "wss://store.example",
}
FULL = BASE | {
    "gcp:region": "europe-west1",
    "confab:site": "my-site",
    "confab:origins": '["https://app.example"]',
    "confab:cells": json.dumps(
        [
            {"name": "b", "url": "https://b.example", "concurrency": 500},
            {"name": "main", "minInstances": 1},
            {"name": "c", "takesNew": False},
        ]
    ),
    "confab:variables": '{"CONFAB_MAX_PAGE": "100", "OTEL_TRACES_SAMPLER": "always_on"}',
    HEADERS: "api-key=the-key-5aa",
    "confab:alertEmails": '["ops@my.example"]',
}
_FORKED = multiprocessing.get_context("forkserver")
_FORKED.set_forkserver_preload(["tests.infra.collect"])  # importing pulumi_gcp takes seconds: once


@dataclass
class Resource:
    """A resource as the cloud was asked for it."""

    type: str
    """The last part of its type, as `TopicIAMMember`."""
    module: str
    """The part before it, as `pubsub`."""
    name: str
    inputs: dict[str, Any]
    after: list[str] = field(default_factory=list)
    """What it depends on, as `Type/name`."""

    @property
    def key(self) -> str:
        """What `after` of others calls it."""
        return f"{self.type}/{self.name}"


@dataclass
class Deployment:
    """Everything that one configuration makes."""

    settings: dict[str, str]
    resources: list[Resource]
    outputs: dict[str, Any]
    secrets: dict[str, str]

    def all(self, kind: str) -> list[Resource]:
        """The resources of a type."""
        return [resource for resource in self.resources if resource.type == kind]

    def one(self, kind: str, name: str) -> Resource:
        """The resource of a type with this logical name."""
        (found,) = [resource for resource in self.all(kind) if resource.name == name]
        return found

    def containers(self) -> list[Resource]:
        """The Cloud Run services; `Service` is also a project's enabled API."""
        return [resource for resource in self.all("Service") if resource.module == "cloudrunv2"]

    @property
    def project(self) -> str:
        """The project's id."""
        return self.settings["gcp:project"]

    @property
    def region(self) -> str:
        """Where everything is."""
        return self.settings.get("gcp:region", "us-central1")

    @property
    def cells(self) -> dict[str, bool]:
        """Whether a cell takes new conversations, by name."""
        cells = json.loads(self.settings.get("confab:cells", '[{"name": "main"}]'))
        return {cell["name"]: cell.get("takesNew", True) for cell in cells}


def run(config: dict[str, str], secrets: dict[str, str]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Run the program in a process of its own: Pulumi keeps its state and an event loop in globals."""
    with ProcessPoolExecutor(1, mp_context=_FORKED) as process:
        return process.submit(program, config, secrets).result(timeout=100)


@cache
def _made(config: tuple[tuple[str, str], ...]) -> Deployment:
    settings = dict(config)
    secrets = SECRETS | ({HEADERS: settings.pop(HEADERS)} if HEADERS in settings else {})
    found, outputs = run(settings, secrets)
    resources = [
        Resource(
            type=each["type"].rpartition(":")[2],
            module=each["type"].split(":")[1].split("/")[0],
            name=each["name"],
            inputs=each["inputs"],
            after=each["after"],
        )
        for each in found
        if each["type"].startswith("gcp:")
    ]
    return Deployment(settings, resources, outputs, secrets)


def deployed(config: dict[str, str]) -> Deployment:
    """What the configuration makes, as a copy of the caller's own."""
    return copy.deepcopy(_made(tuple(sorted(config.items()))))
