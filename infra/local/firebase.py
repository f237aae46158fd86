"""The Firebase emulators: Auth, Functions, Hosting. No account, no download, no network."""

import json
import signal
from collections.abc import Mapping
from pathlib import Path

from infra.local.addresses import Address
from infra.local.data import ROOT
from infra.local.service import Service, prints

HELPERS = ("hub", "logging", "eventarc", "tasks")
"""Emulators that the Firebase CLI starts with the others; Confab does not call them."""
_PRELOAD = Path(__file__).with_name("firebase_preload.cjs")


def emulators(
    folder: Path, addresses: Mapping[str, Address], env: Mapping[str, str], page: Mapping[str, str], tier: int
) -> Service:
    """The emulators in `addresses`, helpers included, as one service.

    Their configuration is the repository's firebase.json with these addresses, and headers of the page. The
    Auth emulator imports its users from `folder` at the start, and exports them at the stop.
    """
    _lay_out(folder, addresses, page)
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


def _lay_out(folder: Path, addresses: Mapping[str, Address], page: Mapping[str, str]) -> None:
    """Write a project folder: the repository's, with these additions to the configuration."""
    project = folder / "project"
    for made in (project, folder / "tmp"):
        made.mkdir(parents=True, exist_ok=True)
    config = json.loads((ROOT / "firebase.json").read_text())
    for name, address in addresses.items():
        config["emulators"][name] = {"host": address.host, "port": address.port}
    added = [{"key": key, "value": value} for key, value in page.items()]
    config["hosting"]["headers"].append({"source": "/", "headers": added})
    (project / "firebase.json").write_text(json.dumps(config, indent=2))
    for name in ("functions", "public"):
        link = project / name
        link.unlink(missing_ok=True)
        link.symlink_to(ROOT / name)
