"""The locks hold what pyproject.toml leads to, by hash, as wheels, and nothing else."""

import json
import re
from importlib.metadata import distribution

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.locked import LOCKS, ROOT, applies, asked, locked

OF_THE_INSTALLER = {"pip"}
"""What a new environment has, in a version of its own."""


@pytest.mark.parametrize("group", LOCKS)
def test_a_lock_has_all_that_its_group_leads_to_and_nothing_else(group):
    pins, waiting = locked(group), [*asked(group)]
    reached: set[tuple[str, str]] = set()
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        (pin,) = pins[name].specifier
        assert (pin.operator, wanted.specifier.contains(pin.version, prereleases=True)) == ("==", True), (
            wanted
        )
        assert wanted.extras <= pins[name].extras, f"`make lock` pins {wanted}"
        further = distribution(name)
        assert further.version in pins[name].specifier or name in OF_THE_INSTALLER, f"{name}: make install"
        for extra in {"", *wanted.extras} - {seen for each, seen in reached if each == name}:
            reached.add((name, extra))
            needed = map(Requirement, further.requires or ())
            waiting += [each for each in needed if applies(each, extra)]
    assert {name for name, _ in reached} == pins.keys()


@pytest.mark.parametrize("group", LOCKS)
def test_a_lock_admits_wheels_alone_by_hash_and_names_no_index(group):
    """Cloud Functions installs with no option of ours, so the file itself says what pip may take."""
    pin = r"[\w.-]+(\[\w+\])?==\S+( ; [^\n]+)?( \\\n    --hash=sha256:[0-9a-f]{64})+\n"
    assert re.fullmatch(rf"(#[^\n]*\n)+--only-binary :all:\n\n({pin})+", LOCKS[group].read_text())


@pytest.mark.parametrize("lock", ["package-lock.json", "tests/bench/node/package-lock.json"])
def test_every_package_of_node_has_its_digest_and_runs_no_script(lock):
    packages = json.loads((ROOT / lock).read_text())["packages"].items()
    foreign = [each for path, each in packages if "node_modules/" in path and not each.get("link")]
    assert foreign
    assert all(each["integrity"].startswith("sha512-") for each in foreign)
    sources = (ROOT / "Makefile", ROOT / "tests/bench/__main__.py")
    commands = [
        line for each in sources for line in each.read_text().splitlines() if re.search(r"\bnpm\W+ci\b", line)
    ]
    assert len(commands) == len(sources)
    assert all("--ignore-scripts" in line for line in commands)
