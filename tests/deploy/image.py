"""The realtime image as a folder: the code of its build context, and the packages of its lock."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.utils import NormalizedName

from infra.deploy.target import ROOT
from tests.support.locked import locked

CODE = Path("functions/confab")
LOCK = "functions/requirements.txt"

CONFINE = """
while read -r _ _ _ _ at _; do
  case $at in /proc*) ;; *) mount -o remount,bind,ro "$at" ;; esac
done </proc/self/mountinfo
exec unshare --user --map-user=10001 --map-group=10001 setpriv --no-new-privs "$@"
"""
"""Runs a command as the image's user on files that nobody can write, without a capability or a way to one."""
_UNSHARE = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", CONFINE, "confined")
CONFINED = _UNSHARE if sys.platform == "linux" else ()
"""What stands before such a command; other systems than Linux have no such thing."""


class Stage:
    """One `FROM` of the Dockerfile."""

    def __init__(self, text: str) -> None:
        lines = [re.sub(r" --[a-z-]+=\S+", "", line) for line in text.splitlines()]
        origin, *self.lines = [line for line in lines if line and not line.startswith("#")]
        self.base = origin.partition(" AS ")[0]

    def texts(self, word: str) -> list[str]:
        """What follows this word in each of its instructions."""
        return [line.removeprefix(f"{word} ") for line in self.lines if line.startswith(f"{word} ")]

    def commands(self, word: str) -> list[list[str]]:
        """The words of each of these instructions; a ValueError unless all are in exec form."""
        return [json.loads(text) for text in self.texts(word)]

    @property
    def variables(self) -> dict[str, str]:
        (text,) = self.texts("ENV")
        return dict(pair.split("=", 1) for pair in shlex.split(text))


BUILD, FINAL = map(
    Stage, re.split(r"^FROM ", (ROOT / "infra/realtime.Dockerfile").read_text(), flags=re.MULTILINE)[1:]
)


def context() -> list[Path]:
    """The files that .dockerignore admits, as git reads its rules, and gcloud, which uses the same file."""
    listed = subprocess.run(
        ["git", "ls-files", "--others", "--exclude-from=.dockerignore"],
        cwd=ROOT,
        env={**os.environ, "GIT_INDEX_FILE": "/nowhere"},  # none of them is known to git
        check=True,
        capture_output=True,
        text=True,
        timeout=20,
    )
    return list(map(Path, listed.stdout.splitlines()))


class Image:
    """Its processes can import nothing else of this machine but the standard library."""

    def __init__(self, folder: Path) -> None:
        self.app, packages = folder / "app", folder / "packages"
        for file in context():
            if CODE in file.parents:
                copied = self.app / file.relative_to(CODE.parent)
                copied.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / file, copied)
        self.installed = installed()
        for each in self.installed.values():
            for part in each.files or ():
                if ".." not in part.parts:
                    link = packages / part
                    link.parent.mkdir(parents=True, exist_ok=True)
                    link.symlink_to(str(part.locate()))
        self.env = FINAL.variables | {"PYTHONPATH": str(packages)}

    def command(self, word: str) -> list[str]:
        """The command of an instruction of the last stage, with this machine's Python."""
        ((program, *arguments),) = FINAL.commands(word)
        assert program == "python"
        return [sys.executable, "-S", *arguments]


def installed() -> dict[NormalizedName, Distribution]:
    """The packages that the build installs, by this machine's own."""
    return {name: distribution(name) for name in locked("runtime")}
