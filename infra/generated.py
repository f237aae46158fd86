"""Files that are made from the code and committed with it."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path


def keep_current(
    root: Path, files: Mapping[Path, str], *, check: bool, remedy: str, only: Sequence[str] = ()
) -> int:
    """Write those whose text has changed, and delete those that are made no more; the exit code.

    `only` are patterns, from the root, of files that nobody else makes: one that matches and is not
    among `files` is made no more. With `check` nothing is changed, and what would be is named with
    how to mend it.
    """
    stale = 0
    for name, text in files.items():
        if _read(root / name) == text:
            continue
        stale += 1
        if check:
            print(f"{name} is not current: {remedy}", file=sys.stderr)
        else:
            _write(root / name, text)
            print(f"wrote {name}")
    for name in _abandoned(root, files, only):
        stale += 1
        if check:
            print(f"{name} is made no more: {remedy}", file=sys.stderr)
        else:
            (root / name).unlink()
            print(f"deleted {name}")
    return 1 if check and stale else 0


def _abandoned(root: Path, files: Mapping[Path, str], only: Sequence[str]) -> Iterator[Path]:
    for pattern in only:
        yield from sorted({file.relative_to(root) for file in root.glob(pattern)} - files.keys())


def _read(file: Path) -> str | None:
    """The text of the file as it is, line ends included; None where there is none."""
    return file.read_bytes().decode("utf-8", "replace") if file.exists() else None


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode("utf-8"))
