"""The realtime image's tag: a hash of its sources, so that no image is built twice."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from infra.deploy.target import ROOT

_SOURCES = (
    ".dockerignore",
    "constraints.txt",
    "functions/confab",
    "functions/requirements.txt",
    "infra/realtime-requirements.txt",
    "infra/realtime.Dockerfile",
)
"""The build's context, and the file that selects it."""
_TAG_CHARS = 16


def tag(root: Path = ROOT) -> str:
    """The hash of the sources' names and contents."""
    digest = hashlib.sha256()
    for file in _files(root):
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        digest.update(f"{content} {file.relative_to(root).as_posix()}\n".encode())
    return digest.hexdigest()[:_TAG_CHARS]


def _files(root: Path) -> Iterator[Path]:
    for source in _SOURCES:
        path = root / source
        found = [path] if path.is_file() else sorted(path.rglob("*"))
        yield from (one for one in found if one.is_file() and "__pycache__" not in one.parts)
