"""Asks the registries' advisory services about every package of the locks: `python -m infra.audit`.

Ends with 1 if a package has a known vulnerability, and with 69, sysexits' EX_UNAVAILABLE, if a service could
not say.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements-dev.txt"
"""Includes what the functions and the container run."""
WITHIN_S = 90.0
PIP = (
    f"-m pip_audit -r {LOCK} --require-hashes --disable-pip --format json --progress-spinner off --timeout 5"
)
NPM = "npm audit --json --package-lock-only"


class Unavailable(Exception):
    """A service did not say whether packages are vulnerable; the message says why."""


def in_python(answer: Any) -> Iterator[str]:
    """The vulnerable packages in pip-audit's answer, which names those that the service does not know."""
    packages = answer["dependencies"]
    unknown = [each["name"] for each in packages if "skip_reason" in each]
    if unknown:
        raise Unavailable(f"the advisory service knows nothing of {len(unknown)} of {len(packages)} packages")
    for each in packages:
        for found in each["vulns"]:
            fixed = ", ".join(found["fix_versions"]) or "no version"
            yield f"{each['name']} {each['version']}: {found['id']}, fixed in {fixed}"


def in_node(answer: Any) -> Iterator[str]:
    """The vulnerable packages in npm's answer."""
    if "vulnerabilities" not in answer:
        raise Unavailable(str(answer.get("message", "npm says nothing about vulnerabilities")))
    for name, found in answer["vulnerabilities"].items():
        yield f"{name} {found['range']}: {found['severity']}"


def ask(words: Sequence[str], read: Callable[[Any], Iterator[str]]) -> list[str]:
    """The vulnerable packages that a tool reports. Raises Unavailable unless it could ask about every one."""
    try:
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=WITHIN_S, check=False)
        return [*read(json.loads(done.stdout))]
    except subprocess.TimeoutExpired:
        raise Unavailable(f"no answer within {WITHIN_S:.0f} s") from None
    except json.JSONDecodeError:
        raise Unavailable(f"{(done.stderr.splitlines() or ['no output'])[-1]}") from None


def audit(tools: Sequence[tuple[Sequence[str], Callable[[Any], Iterator[str]]]]) -> int:
    """Print what each tool finds; the exit code."""
    code = 0
    for words, read in tools:
        tool = "pip-audit" if read is in_python else "npm audit"
        try:
            found = ask(words, read)
        except Unavailable as error:
            print(f"{tool}: NOT AUDITED: {error}")
            code = code or os.EX_UNAVAILABLE
            continue
        print(*(f"{tool}: {line}" for line in found or ["no known vulnerability"]), sep="\n")
        code = 1 if found else code
    return code


if __name__ == "__main__":
    argparse.ArgumentParser(prog="python -m infra.audit", description=__doc__).parse_args()
    sys.exit(audit([((sys.executable, *PIP.split()), in_python), (NPM.split(), in_node)]))
