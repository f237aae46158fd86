"""A Dockerfile's instructions, and the build context that a .dockerignore admits."""

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Any


@dataclass(frozen=True)
class Instruction:
    """One instruction, without its `--name=value` options."""

    word: str
    text: str

    @property
    def command(self) -> list[str]:
        """The words of an instruction in exec form; a ValueError in shell form."""
        words: Any = json.loads(self.text.removeprefix("CMD "))
        assert all(isinstance(word, str) for word in words)
        return list(words)

    @property
    def variables(self) -> dict[str, str]:
        return dict(pair.split("=", 1) for pair in shlex.split(self.text))


@dataclass(frozen=True)
class Stage:
    """A `FROM` and its instructions."""

    base: str
    name: str
    instructions: tuple[Instruction, ...]

    def only(self, word: str) -> Instruction:
        (found,) = (one for one in self.instructions if one.word == word)
        return found


def stages(file: Path) -> list[Stage]:
    """The stages of a Dockerfile, in order."""
    found: list[Stage] = []
    for instruction in _instructions(file.read_text()):
        if instruction.word == "FROM":
            base, _, name = instruction.text.partition(" AS ")
            found.append(Stage(base, name, ()))
        else:
            last = found.pop()
            found.append(Stage(last.base, last.name, (*last.instructions, instruction)))
    return found


def _instructions(text: str) -> Iterator[Instruction]:
    joined = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))
    for line in filter(None, map(str.strip, joined.splitlines())):
        word, text = line.split(None, 1)
        yield Instruction(word, re.sub(r"^(--[a-z-]+=\S+\s+)+", "", text))


def context(root: Path) -> Iterator[Path]:
    """The files of a build context, relative to it, that its .dockerignore admits."""
    rules = (root / ".dockerignore").read_text().splitlines()
    patterns = [line for line in map(str.strip, rules) if line and not line.startswith("#")]
    yield from _admitted(root, PurePosixPath(), patterns)


def _admitted(root: Path, folder: PurePosixPath, patterns: list[str]) -> Iterator[Path]:
    """Descend only into admitted folders, as gcloud does, which uses the same file."""
    for entry in sorted((root / folder).iterdir()):
        path = folder / entry.name
        if _ignored(path, patterns):
            continue
        if entry.is_dir():
            yield from _admitted(root, path, patterns)
        else:
            yield Path(path)


def _ignored(path: PurePosixPath, patterns: list[str]) -> bool:
    ignored = False
    for pattern in patterns:
        if _matches(path, pattern.removeprefix("!")):
            ignored = not pattern.startswith("!")
    return ignored


def _matches(path: PurePosixPath, pattern: str) -> bool:
    if pattern.startswith("**/"):
        return fnmatch(path.name, pattern.removeprefix("**/"))
    wanted = PurePosixPath(pattern).parts[1:] if pattern.startswith("/") else PurePosixPath(pattern).parts
    return len(path.parts) == len(wanted) and all(map(fnmatch, path.parts, wanted))
