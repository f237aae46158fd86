"""What the program makes, as data that checks read and mutations alter."""

import json
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

COLLECT = Path(__file__).with_name("collect.py")
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
    """What must be there before it, as `Type/name`."""

    @property
    def thing(self) -> str:
        """What the others call it in `after`."""
        return f"{self.type}/{self.name}"


@dataclass
class Deployment:
    """Everything that one configuration makes."""

    settings: dict[str, str]
    resources: list[Resource]
    outputs: dict[str, Any]
    secrets: dict[str, str] = field(default_factory=lambda: dict(SECRETS))

    def all(self, kind: str) -> list[Resource]:
        """The resources of a type."""
        return [resource for resource in self.resources if resource.type == kind]

    def one(self, kind: str, name: str) -> Resource:
        """The resource of a type with this logical name."""
        (found,) = [resource for resource in self.all(kind) if resource.name == name]
        return found

    @property
    def project(self) -> str:
        """The project's id."""
        return self.settings["gcp:project"]

    @property
    def region(self) -> str:
        """Where everything is."""
        return self.settings.get("gcp:region", "us-central1")

    @property
    def cells(self) -> list[str]:
        """The cells' names."""
        return [cell["name"] for cell in self._cells]

    @property
    def open_cells(self) -> list[str]:
        """The names of those that take new conversations."""
        return [cell["name"] for cell in self._cells if cell.get("takesNew", True)]

    @property
    def _cells(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.settings.get("confab:cells", '[{"name": "main"}]'))
        return found


def run(
    config: dict[str, str], secrets: dict[str, str], spoiled: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the program with this configuration, in a process of its own."""
    argument = json.dumps({"config": config, "secrets": secrets, "spoiled": spoiled})
    return subprocess.run(
        [sys.executable, str(COLLECT), argument], capture_output=True, text=True, check=False, timeout=100
    )


@cache
def _collected(config: tuple[tuple[str, str], ...], spoiled: str | None) -> str:
    plain = dict(config)
    done = run(plain, _take_secrets(plain), spoiled)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _take_secrets(config: dict[str, str]) -> dict[str, str]:
    return SECRETS | ({HEADERS: config.pop(HEADERS)} if HEADERS in config else {})


def deployed(config: dict[str, str], spoiled: str | None = None) -> Deployment:
    """What the configuration makes, of a spoiled program if its name is given; a copy of the caller's own."""
    found = json.loads(_collected(tuple(sorted(config.items())), spoiled))
    resources = [
        Resource(
            each["type"].rpartition(":")[2],
            each["type"].split(":")[1].split("/")[0],
            each["name"],
            each["inputs"],
            each["after"],
        )
        for each in found["resources"]
        if each["type"].startswith("gcp:")
    ]
    settings = dict(config)
    return Deployment(settings, resources, found["outputs"], _take_secrets(settings))
