"""What is released on Firebase Hosting: the page, and rewrites to the functions as they are deployed.

firebase.json names functions of the Firebase CLI, for the emulator. In the cloud they are deployed
by themselves, and the stack says which Cloud Run service each path is rewritten to, and on which site.
"""

import json
import shutil
from pathlib import Path
from typing import Any

from infra.deploy.stack import Outputs
from infra.deploy.target import ROOT


def production(config: dict[str, Any], outputs: Outputs) -> dict[str, Any]:
    """A firebase.json with nothing but Hosting in it, as it is in the cloud."""
    return {"hosting": {**config["hosting"], "site": outputs.site, "rewrites": outputs.rewrites}}


def lay_out(file: Path, outputs: Outputs) -> None:
    """Make a project that the Firebase CLI can release, in the folder of its firebase.json."""
    config = json.loads((ROOT / "firebase.json").read_text())
    file.write_text(json.dumps(production(config, outputs), indent=2))
    shutil.copytree(ROOT / "public", file.parent / "public")
