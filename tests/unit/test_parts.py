"""A function imports of some packages only a part, and whoever wants the rest gets the whole."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def said(script: str) -> str:
    """What a process says in which packages are imported in part."""
    begin = "import sys; from confab.operations.parts import PARTS, import_in_part; import_in_part(); "
    done = subprocess.run(
        [sys.executable, "-c", begin + script],
        cwd=ROOT / "functions",
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout.strip()


def test_the_store_imports_no_connection_that_it_does_not_use():
    script = "import confab.store.surreal; print({'aiohttp', 'requests'} & sys.modules.keys())"
    assert said(script) == "set()"


@pytest.mark.parametrize("name", ["AsyncSurreal", "errors", "__all__"])
def test_any_other_name_is_found_in_the_whole(name):
    assert said(f"import surrealdb; print(hasattr(surrealdb, {name!r}))") == "True"


def test_a_name_that_there_is_not_is_not_there():
    assert said("import surrealdb; print(hasattr(surrealdb, 'nothing'))") == "False"


def test_a_part_is_the_same_as_of_the_whole():
    script = (
        "import surrealdb; parts = [getattr(surrealdb, name) for name in PARTS['surrealdb']]; "
        "surrealdb.AsyncSurreal; print(parts == [getattr(surrealdb, name) for name in PARTS['surrealdb']])"
    )
    assert said(script) == "True"


def test_a_package_that_is_imported_already_is_left_alone():
    script = "from surrealdb import AsyncSurreal; import_in_part(); print('AsyncSurreal' in dir(surrealdb))"
    assert said(f"import surrealdb; {script}") == "True"
