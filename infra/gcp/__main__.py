"""The entry point of `pulumi up`."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "functions")]  # Pulumi adds only this folder

from infra.gcp.program import main  # noqa: E402 - needs the line above

main()
