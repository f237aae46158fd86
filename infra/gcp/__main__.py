"""What `pulumi up` runs."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "functions")]  # Pulumi knows this folder only

from infra.gcp.program import main  # noqa: E402 - found through the line above

main()
