"""The Firebase emulators: Auth, Functions, Hosting. No account, no download, no network."""

import json
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.local.addresses import Address
from infra.local.data import ROOT
from infra.local.service import Service, prints

HELPERS = ("hub", "logging", "eventarc", "tasks")
"""Emulators that the Firebase CLI starts with the others; Confab does not call them."""
_PRELOAD = Path(__file__).with_name("firebase_preload.cjs")


def emulators(
    folder: Path, addresses: Mapping[str, Address], env: Mapping[str, str], config: dict[str, Any], tier: int
) -> Service:
    """The emulators in `addresses`, helpers included, as one service.

    Their configuration is this firebase.json with these addresses. The Auth emulator imports its users from
    `folder` at the start, and exports them at the stop.
    """
    _lay_out(folder, addresses, config)
    names = [name for name in addresses if name not in HELPERS]
    users = folder / "users"
    keep_users = ("--import", str(users), "--export-on-exit", str(users)) if "auth" in names else ()
    return Service(
        name="firebase",
        command=(
            "node",
            str(ROOT / "node_modules/firebase-tools/lib/bin/firebase.js"),
            "emulators:start",
            *("--only", ",".join(names)),
            *("--project", env["GOOGLE_CLOUD_PROJECT"]),
            *keep_users,
        ),
        env={
            **env,
            "CI": "true",
            "METADATA_SERVER_DETECTION": "none",
            "NODE_OPTIONS": f'--require "{_PRELOAD}"',
            "TMPDIR": str(folder / "tmp"),  # the emulators find their hub by a file in it
        },
        cwd=folder / "project",
        ready=prints("All emulators ready!"),
        announces={name: f"{'http://' * (name == 'hosting')}{addresses[name]}" for name in names},
        tier=tier,
        start_s=90,
        stop_signal=signal.SIGINT,
        stop_s=20,
    )


def _lay_out(folder: Path, addresses: Mapping[str, Address], config: dict[str, Any]) -> None:
    """Write a project folder: the repository's, with these addresses in its configuration."""
    project = folder / "project"
    for made in (project, folder / "tmp"):
        made.mkdir(parents=True, exist_ok=True)
    for name, address in addresses.items():
        config["emulators"][name] = {"host": address.host, "port": address.port}
    (project / "firebase.json").write_text(json.dumps(config, indent=2))
    for name in ("functions", "public"):
        link = project / name
        link.unlink(missing_ok=True)
        link.symlink_to(ROOT / name)
