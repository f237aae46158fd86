"""What both documents begin with, where they are kept, and how they are written."""

import json
import tomllib
from pathlib import Path

from infra.specifications.schemas import Json

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "public/reference"
"""Hosting serves them, and the reference page reads them, from here."""

TOKEN: Json = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "A Firebase ID token of the project. Its custom claim `agent: true` marks an assistant.",
}


def info(title: str, description: str) -> Json:
    """The document's title and the version of Confab that it describes."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return {"title": title, "version": project["version"], "description": description}


def text_of(document: Json) -> str:
    """The document as it is committed."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
