"""Commands as real processes."""

import os
import signal
import sys
import threading
import time

import pytest

from infra.deploy.runner import Command, DeployError, Runner


def python(script: str, *, stdin: str = "", deadline_s: float = 10) -> Command:
    return Command("a step", (sys.executable, "-c", script), deadline_s, stdin=stdin)


def test_a_command_that_takes_too_long_is_ended_and_named(capfd):
    begin = time.monotonic()
    with pytest.raises(DeployError, match=r"^a step: not done within 1 s$"):
        Runner({}).run(python("import time; time.sleep(60)", deadline_s=1))
    assert time.monotonic() - begin < 10


def test_a_command_is_printed_before_its_output_and_what_it_reads_is_not(capfd):
    command = python("import sys; assert len(sys.stdin.read()) == 4; print('its own')", stdin="hush")
    Runner({}).run(command)
    printed = capfd.readouterr().out
    assert printed.index("$ ") < printed.index("its own\n")
    assert "hush" not in printed + repr(command)


def test_a_command_ends_with_a_process_that_is_terminated(capfd):
    """SIGTERM reaches this process alone; Pulumi releases its lock on its own SIGTERM."""
    script = "import signal, sys, time; signal.signal(15, lambda *_: sys.exit('released')); time.sleep(60)"
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        threading.Timer(1, os.kill, (os.getpid(), signal.SIGTERM)).start()
        with pytest.raises(SystemExit):
            Runner({}).run(python(script))
    finally:
        signal.signal(signal.SIGTERM, before)
    assert "released" in capfd.readouterr().out


@pytest.mark.parametrize(("tool", "has"), [("pulumi", True), ("firebase", False)])
def test_what_opens_the_state_is_for_pulumi_alone(tmp_path, capfd, tool, has):
    (tmp_path / tool).write_text("#!/bin/sh\necho is:$PULUMI_CONFIG_PASSPHRASE:$KEPT\n")
    (tmp_path / tool).chmod(0o700)
    runner = Runner({"PATH": str(tmp_path), "PULUMI_CONFIG_PASSPHRASE": "secret", "KEPT": "kept"})
    expected = f"is:{'secret' if has else ''}:kept\n"
    assert runner.ask(tool).out == expected
    runner.run(Command("x", (tool,), 10))
    assert expected in capfd.readouterr().out


def test_a_tool_is_found_on_the_path_or_is_an_answer_and_an_error():
    assert Runner({"PATH": "/bin"}).find("sh") == "/bin/sh"
    assert Runner({}).ask("no-such-tool").trouble == "no-such-tool: No such file or directory"
    with pytest.raises(DeployError, match="no-such-tool is not on PATH"):
        Runner({}).run(Command("x", ("no-such-tool",), 1))
