"""The realtime image as a folder: the code of its build context, and the packages of its requirements."""

import re
import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from itertools import pairwise
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from infra.deploy.target import ROOT
from tests.deploy.dockerfile import context, stages

PIN = re.compile(r"^([\w.-]+)==(\S+)$", re.MULTILINE)
CODE = Path("functions/confab")
BUILD, FINAL = stages(ROOT / "infra/realtime.Dockerfile")


class Image:
    """Its processes can import nothing else of this machine but the standard library."""

    def __init__(self, folder: Path) -> None:
        self.app, self.packages = folder / "app", folder / "packages"
        for file in context(ROOT):
            if CODE in file.parents:
                copied = self.app / file.relative_to(CODE.parent)
                copied.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / file, copied)
        self.installed = installed()
        for each in self.installed.values():
            for part in each.files or ():
                if ".." not in part.parts:
                    link = self.packages / part
                    link.parent.mkdir(parents=True, exist_ok=True)
                    link.symlink_to(str(part.locate()))

    @property
    def env(self) -> dict[str, str]:
        """The environment of a process in it."""
        return FINAL.only("ENV").variables | {"PYTHONPATH": str(self.packages)}

    def command(self, words: list[str]) -> list[str]:
        """A command of the Dockerfile, which begins with `python`."""
        program, *arguments = words
        assert program == "python"
        return [sys.executable, "-S", *arguments]


def installed() -> dict[NormalizedName, Distribution]:
    """The packages that pip installs in the build, by this machine's own, of the same pinned versions."""
    (command,) = (one.command for one in BUILD.instructions if one.word == "RUN" and '"pip"' in one.text)
    options = dict(pairwise(command))
    pins = PIN.findall((ROOT / options["--constraint"]).read_text())
    pinned = {canonicalize_name(name): version for name, version in pins}
    found = _closure(list(_requirements(ROOT / options["--requirement"])))
    for name, each in found.items():
        assert Version(pinned[name]) == Version(each.version), f"{name} is installed as pinned"
    return found


def _closure(wanted: list[Requirement]) -> dict[NormalizedName, Distribution]:
    found: dict[NormalizedName, Distribution] = {}
    seen: set[tuple[str, str]] = set()
    while wanted:
        requirement = wanted.pop()
        name, each = canonicalize_name(requirement.name), distribution(requirement.name)
        assert requirement.specifier.contains(each.version, prereleases=True), requirement
        found[name] = each
        for extra in {"", *requirement.extras} - {extra for one, extra in seen if one == name}:
            seen.add((name, extra))
            needed = map(Requirement, each.requires or ())
            wanted += [one for one in needed if one.marker is None or one.marker.evaluate({"extra": extra})]
    return found


def _requirements(file: Path) -> Iterator[Requirement]:
    for line in file.read_text().splitlines():
        text = line.partition(" #")[0].strip()
        if text.startswith("-r "):
            yield from _requirements(file.parent / text.removeprefix("-r "))
        elif text and not text.startswith("#"):
            yield Requirement(text)
