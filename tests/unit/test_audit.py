"""An audit says what is vulnerable, and never takes silence for safety."""

import json
import os
import sys

import pytest

from infra.audit import audit, in_node, in_python

FINE = {"name": "a", "version": "1", "vulns": []}
UNKNOWN = {"name": "c", "skip_reason": "Dependency not found on PyPI"}
BAD = {"name": "b", "version": "2", "vulns": [{"id": "CVE-1", "fix_versions": ["3"]}]}


@pytest.mark.parametrize(
    ("answer", "read", "code", "printed"),
    [
        ({"dependencies": [FINE]}, in_python, 0, "pip-audit: no known vulnerability"),
        ({"dependencies": [FINE, BAD]}, in_python, 1, "pip-audit: b 2: CVE-1, fixed in 3"),
        ({"dependencies": [FINE, UNKNOWN]}, in_python, os.EX_UNAVAILABLE, "knows nothing of 1 of 2 packages"),
        ("", in_python, os.EX_UNAVAILABLE, "pip-audit: NOT AUDITED: no network"),
        ({"vulnerabilities": {}}, in_node, 0, "npm audit: no known vulnerability"),
        (
            {"vulnerabilities": {"x": {"range": "<2", "severity": "high"}}},
            in_node,
            1,
            "npm audit: x <2: high",
        ),
        ({"message": "405"}, in_node, os.EX_UNAVAILABLE, "npm audit: NOT AUDITED: 405"),
    ],
)
def test_an_answer_is_an_exit_code_and_a_line(capsys, answer, read, code, printed):
    text = json.dumps(answer) if answer else ""
    tool = f"import sys; print({text!r}); sys.exit('no network')"
    assert audit([((sys.executable, "-c", tool), read)]) == code
    assert printed in capsys.readouterr().out


def test_what_is_vulnerable_outweighs_what_nobody_could_say():
    tools = [({"dependencies": [BAD]}, in_python), ({"message": "405"}, in_node)]
    for order in (tools, tools[::-1]):
        commands = [((sys.executable, "-c", f"print({json.dumps(said)!r})"), read) for said, read in order]
        assert audit(commands) == 1
