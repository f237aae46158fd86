"""The locks of `make lock`, as pip reads them on this machine."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

ROOT = Path(__file__).parents[2]
LOCKS = {"runtime": ROOT / "functions/requirements.txt", "dev": ROOT / "requirements-dev.txt"}
"""Each by the group of pyproject.toml that it pins."""


def locked(group: str) -> Mapping[NormalizedName, Requirement]:
    """The packages of a lock that this machine needs."""
    lines = re.findall(r"^([\w.-]+.*) \\$", LOCKS[group].read_text(), re.MULTILINE)
    return {canonicalize_name(each.name): each for each in map(Requirement, lines) if applies(each)}


def asked(group: str) -> Iterator[Requirement]:
    """What a group asks for, with the groups that it includes."""
    for each in tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"][group]:
        if isinstance(each, str):
            yield Requirement(each)
        else:
            yield from asked(each["include-group"])


def applies(requirement: Requirement, extra: str = "") -> bool:
    """Whether this machine needs it, for an extra of what asks for it."""
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})
