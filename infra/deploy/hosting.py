"""What is released on Firebase Hosting: the page, and rewrites to the functions as they are deployed.

firebase.json names functions of the Firebase CLI, for the emulator. In the cloud they are deployed
by themselves, and Hosting knows each by its Cloud Run service.
"""

import json
import shutil
from pathlib import Path
from typing import Any

from infra.deploy.target import ROOT, Target
from infra.gcp.names import service_of


def production(config: dict[str, Any], target: Target) -> dict[str, Any]:
    """A firebase.json with nothing but Hosting in it, as it is in the cloud."""
    hosting = dict(config["hosting"])
    hosting["rewrites"] = [_rewrite(one, target.region) for one in hosting["rewrites"]]
    if target.site is not None:
        hosting["site"] = target.site
    return {"hosting": hosting}


def lay_out(folder: Path, target: Target) -> Path:
    """A project in `folder` that the Firebase CLI can release; its firebase.json."""
    config = json.loads((ROOT / "firebase.json").read_text())
    file = folder / "firebase.json"
    file.write_text(json.dumps(production(config, target), indent=2))
    shutil.copytree(ROOT / "public", folder / "public")
    return file


def _rewrite(rewrite: dict[str, Any], region: str) -> dict[str, Any]:
    service = service_of(rewrite["function"]["functionId"])
    return {"source": rewrite["source"], "run": {"serviceId": service, "region": region}}
