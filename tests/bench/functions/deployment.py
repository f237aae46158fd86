"""A deployed function's disk: the packages of functions/requirements.txt and no other.

A developer's environment would mislead: some packages import what else they find installed.
"""

import compileall
import shutil
import sys
from importlib.metadata import Distribution, distribution
from pathlib import Path

from tests.support.google import DIRECTORY
from tests.support.locked import locked

ROOT = Path(__file__).resolve().parents[3]
FUNCTIONS = ROOT / "functions"
BARE = Path(__file__).with_name("bare.py")
_SOURCE = shutil.ignore_patterns("__pycache__", "venv")


class Deployment:
    """A folder laid out as a deployment is, its bytecode compiled ahead; Google is at the URL `google`."""

    def __init__(self, folder: Path, google: str) -> None:
        self.python = getattr(sys, "_base_executable", sys.executable)
        """The interpreter without this environment's packages."""
        self.packages = folder / "packages"
        self.functions = folder / "functions" / "main.py"
        self.bare = folder / "bare" / "main.py"
        self.packages.mkdir(parents=True)
        for name in locked("runtime"):
            _install(distribution(name), self.packages)
        _redirect(self.packages / "firebase_admin", google)
        shutil.copytree(FUNCTIONS, self.functions.parent, ignore=_SOURCE)
        self.bare.parent.mkdir()
        shutil.copy(BARE, self.bare)
        for source in (self.functions.parent, self.bare.parent, self.packages / "firebase_admin"):
            assert compileall.compile_dir(source, quiet=1)


def _install(found: Distribution, packages: Path) -> None:
    for name in {file.parts[0] for file in found.files or ()} - {"..", "__pycache__"}:
        link = packages / name
        if not link.is_symlink():  # several distributions share the folder `google`
            link.symlink_to(Path(str(found.locate_file(name))).resolve())


def _redirect(package: Path, google: str) -> None:
    """Put in a copy in which Google is a server of the benchmark's; nothing else differs."""
    original = package.resolve()
    package.unlink()
    shutil.copytree(original, package, ignore=_SOURCE)
    for module, directory in DIRECTORY.items():
        path = package / module
        text = path.read_text()
        assert directory in text, f"firebase-admin's {module} names another address"
        path.write_text(text.replace(directory, google))
