"""The realtime image's tag: a hash of its sources, so that no image is built twice."""

from pathlib import Path

from infra.deploy.target import ROOT
from infra.gcp.source import digest_of

_SOURCES = (
    ".dockerignore",
    "functions/confab",
    "functions/requirements.txt",
    "infra/realtime.Dockerfile",
)
"""The build's context, and the file that selects it."""


def tag(root: Path = ROOT) -> str:
    """The digest of the sources' names and contents."""
    found = (file for source in _SOURCES for file in (root / source, *(root / source).rglob("*")))
    files = (file for file in found if file.is_file() and "__pycache__" not in file.parts)
    return digest_of({file.relative_to(root).as_posix(): file.read_bytes() for file in files})
