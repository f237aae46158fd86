"""Files that are made from the code and committed with it."""

import sys
from collections.abc import Mapping
from pathlib import Path


def keep_current(root: Path, files: Mapping[Path, str], *, check: bool, remedy: str) -> int:
    """Write those whose text has changed; with `check` only name them, and how to mend it. The exit code."""
    stale = 0
    for name, text in files.items():
        file = root / name
        if file.exists() and file.read_text() == text:
            continue
        if check:
            stale += 1
            print(f"{name} is not current: {remedy}", file=sys.stderr)
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
            print(f"wrote {name}")
    return 1 if stale else 0
