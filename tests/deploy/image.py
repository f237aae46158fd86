"""An image without an engine: a Dockerfile's stages carried out in folders, each the root of its paths."""

import json
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from itertools import pairwise
from pathlib import Path, PurePosixPath

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from tests.deploy.dockerfile import Instruction, Stage, context, stages

STEP_S = 240
BASE_FOLDERS = ("/usr/local/bin", "/usr/bin", "/bin")
PIN = re.compile(r"^([\w.-]+)==(\S+)$", re.MULTILINE)
STANDARD_LIBRARY = "usr/local/lib/python3.11"


class BaseImage:
    """What stands in for the base image: a Python, and of its library a package for all.

    The real one has the library without bytecode.
    """

    def __init__(self, folder: Path) -> None:
        venv.create(folder, with_pip=False)
        self.bin = folder / "bin"

    def lay_out(self, root: Path) -> None:
        """Put into a stage's root folder what the base image has there."""
        library = Path(json.__file__).parent
        bare = shutil.ignore_patterns("__pycache__")
        shutil.copytree(library, root / STANDARD_LIBRARY / library.name, ignore=bare)


def closure(requirements: Path) -> dict[NormalizedName, Distribution]:
    """The distributions of this machine that pip would install for a file of requirements, by name."""
    found: dict[NormalizedName, Distribution] = {}
    wanted = list(_requirements(requirements))
    seen: set[tuple[str, str]] = set()
    while wanted:
        requirement = wanted.pop()
        installed = distribution(requirement.name)
        assert requirement.specifier.contains(installed.version, prereleases=True), requirement
        found[canonicalize_name(requirement.name)] = installed
        for extra in {"", *requirement.extras} - {extra for name, extra in seen if name == installed.name}:
            seen.add((installed.name, extra))
            needed = map(Requirement, installed.requires or ())
            wanted += [one for one in needed if one.marker is None or one.marker.evaluate({"extra": extra})]
    return found


def _requirements(file: Path) -> Iterator[Requirement]:
    for line in file.read_text().splitlines():
        text = line.partition(" #")[0].strip()
        if text.startswith("-r "):
            yield from _requirements(file.parent / text.removeprefix("-r "))
        elif text and not text.startswith("#"):
            yield Requirement(text)


class Image:
    """The root folder, environment, working directory and user that a stage ends with."""

    def __init__(self, stage: Stage, root: Path, base: BaseImage, packages: Path) -> None:
        self.stage, self.root = stage, root
        self.packages = packages
        """What stands in for its site-packages."""
        self.env = {"PATH": ":".join(BASE_FOLDERS)}
        self.directory = "/"
        self.user = "root"
        self._base = base

    def inside(self, path: str) -> Path:
        """Where a path of the image is on this machine."""
        return self.root / str(PurePosixPath(self.directory) / path).removeprefix("/")

    @property
    def search_path(self) -> str:
        """PATH as this machine has it."""
        folders = self.env["PATH"].split(":")
        return ":".join(str(self._base.bin if one in BASE_FOLDERS else self.inside(one)) for one in folders)

    def command(self, words: list[str]) -> list[str]:
        """A command with its absolute paths mapped; its program is looked up as in the image."""
        program = shutil.which(words[0], path=self.search_path)
        assert program, f"{words[0]} is not in the image's PATH"
        return [program, *(str(self.inside(word)) if word.startswith("/") else word for word in words[1:])]

    def run_env(self) -> dict[str, str]:
        """The environment of a process in the image: its own, and nothing of this machine's."""
        return {**self.env, "PATH": self.search_path}


class Builder:
    """Builds a Dockerfile's stages under a folder."""

    def __init__(self, source: Path, folder: Path) -> None:
        self._source, self._folder = source, folder
        self._context = list(context(source))
        self._base = BaseImage(folder / "base")
        self._images: dict[str, Image] = {}
        self._packages = folder / "packages"

    def build(self, dockerfile: Path) -> Image:
        """The image of the last stage."""
        for number, stage in enumerate(stages(dockerfile)):
            root = self._folder / f"stage-{number}"
            root.mkdir()
            self._base.lay_out(root)
            image = Image(stage, root, self._base, self._packages)
            self._images[stage.name] = image
            for instruction in stage.instructions:
                self._carry_out(instruction, image)
        return image

    def _carry_out(self, instruction: Instruction, image: Image) -> None:
        match instruction.word:
            case "ENV":
                image.env |= instruction.variables
            case "WORKDIR":
                image.directory = str(PurePosixPath(image.directory) / instruction.text)
                image.inside(".").mkdir(parents=True, exist_ok=True)
            case "USER":
                image.user = instruction.text
            case "COPY":
                self._copy(instruction, image)
            case "RUN" if "pip" in instruction.command:
                self._install(instruction.command, image)
            case "RUN":
                subprocess.run(
                    image.command(instruction.command),
                    cwd=image.inside("."),
                    env=image.run_env(),
                    stdin=subprocess.DEVNULL,
                    stdout=sys.stderr,
                    timeout=STEP_S,
                    check=True,
                )
            case "EXPOSE" | "HEALTHCHECK" | "ENTRYPOINT" | "CMD":
                pass  # of the running container
            case other:
                raise NotImplementedError(other)

    def _install(self, command: list[str], image: Image) -> None:
        """Link what this machine has installed of the requirements: pip would fetch the same versions."""
        options = dict(pairwise(command))
        pins = PIN.findall(image.inside(options["--constraint"]).read_text())
        pinned = {canonicalize_name(name): version for name, version in pins}
        for name, installed in closure(image.inside(options["--requirement"])).items():
            assert Version(pinned[name]) == Version(installed.version), (
                f"{name} is not pinned as it is installed"
            )
            for file in installed.files or ():
                if ".." not in file.parts:
                    link = self._packages / file
                    link.parent.mkdir(parents=True, exist_ok=True)
                    link.symlink_to(str(file.locate()))
        environment = image.inside(options["--python"]).parents[1]
        (environment / "lib/python3.11/site-packages/packages.pth").write_text(f"{self._packages}\n")

    def _copy(self, instruction: Instruction, image: Image) -> None:
        *sources, target = instruction.text.split()
        destination = image.inside(target)
        if "from" in instruction.options:
            (source,) = sources
            origin = self._images[instruction.options["from"]].inside(source)
            shutil.copytree(origin, destination, symlinks=True)
            return
        for source in sources:
            files = [file for file in self._context if file == Path(source) or Path(source) in file.parents]
            assert files, f"{source} is not in the build's context"
            for file in files:
                into_folder = file == Path(source) and target.endswith("/")
                copied = destination / (file.name if into_folder else file.relative_to(source))
                copied.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(self._source / file, copied)
