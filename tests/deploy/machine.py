"""An operator's machine on which the deploy command runs."""

import io
import json
import os
import sys
from pathlib import Path
from unittest.mock import patch

import pytest

from infra.deploy import looks, runner, smoke
from infra.deploy.__main__ import main
from infra.deploy.looks import APIS
from infra.deploy.permissions import OVERRIDE
from tests.deploy.fakes import GOOD, Cloud, Tools

USER, PASSWORD = "keeper", "never to be seen"
PROJECT = "confab-trial"


class Site:
    """An operator's machine and the cloud, all in order; a test spoils something."""

    def __init__(self, folder: Path, cloud: Cloud, capfd: pytest.CaptureFixture[str]) -> None:
        self.cloud = cloud
        self.packages = [Path("pulumi_gcp")]
        self._capfd = capfd
        self.tools = Tools(folder, GOOD)
        self.tools.answer("gcloud services list", 0, "\n".join(APIS))
        self.tools.answer("pulumi stack output", 0, json.dumps(cloud.outputs()))
        self.slept: list[float] = []
        self.env = {
            "PATH": str(self.tools.path),
            "SURREALDB_URL": "wss://db.example",
            "SURREALDB_USER": USER,
            "SURREALDB_PASSWORD": PASSWORD,
            OVERRIDE: f"{cloud.url}/",
            "FIREBASE_HOSTING_API_URL": cloud.url,
        }

    def run(self, command: str, *options: str, stdin: str = "") -> tuple[int, str]:
        """The exit code, and all that was printed."""
        with (
            patch.dict(os.environ, self.env, clear=True),
            patch.object(sys, "stdin", io.StringIO(stdin)),
            patch.object(looks, "packages", lambda: self.packages),
            patch.object(runner, "sleep", self.slept.append),
            patch.object(smoke, "SIGN_IN", self.cloud.url),
        ):
            code = main([command, "--project", PROJECT, *options])
        printed = self._capfd.readouterr()
        return code, printed.out + printed.err

    def up(self, *options: str) -> tuple[int, str]:
        return self.run("up", "--store-elsewhere", *options)
