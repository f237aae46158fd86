"""Runs the tools: every command has a deadline, and one that changes something is printed first."""

import os
import re
import shlex
import shutil
import subprocess
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import sleep

from infra.deploy.target import ROOT

ASK_S = 60.0
_STOP_S = 30.0
"""How long a tool that is told to stop may take; Pulumi then gives back its lock."""


class DeployError(Exception):
    """The deployment cannot go on; the message says why."""


@dataclass(frozen=True, slots=True)
class Again:
    """Why a command that failed is worth another try: for what passes by itself in a new project."""

    passing: tuple[str, ...]
    """Patterns of what it then says."""
    times: int
    pause_s: float

    def reason(self, said: str) -> str | None:
        """What of all that was said is known to pass, or None."""
        found = re.search("|".join(self.passing), said)
        return None if found is None else found[0]

    def __str__(self) -> str:
        said = ", ".join(self.passing)
        return f"again every {self.pause_s:.0f} s, {self.times} times at most, while it says one of: {said}"


@dataclass(frozen=True, slots=True)
class Command:
    """A command that changes something."""

    title: str
    words: tuple[str, ...]
    deadline_s: float
    stdin: str = field(default="", repr=False)
    """What it reads; this is how it gets a secret, which is never printed."""
    env: Mapping[str, str] = field(default_factory=dict)
    again: Again | None = None

    def __str__(self) -> str:
        assignments = [f"{name}={value}" for name, value in self.env.items()]
        return " ".join((*assignments, shlex.join(self.words)))


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command that only looks has said."""

    code: int
    out: str
    err: str

    @property
    def ok(self) -> bool:
        """Whether it ended well."""
        return self.code == 0

    @property
    def trouble(self) -> str:
        """The last line of its complaint."""
        lines = [line.strip() for line in f"{self.out}\n{self.err}".splitlines() if line.strip()]
        return lines[-1] if lines else f"it ended with {self.code}"


class Runner:
    """Runs commands from the repository's root with one environment."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = dict(env)

    def find(self, tool: str) -> str | None:
        """Where a tool is, if it is on the PATH."""
        return shutil.which(tool, path=self._env.get("PATH", ""))

    def ask(self, *words: str, env: Mapping[str, str] | None = None) -> Answer:
        """What a command that changes nothing says. Never raises."""
        try:
            done = subprocess.run(
                (self.find(words[0]) or words[0], *words[1:]),
                cwd=ROOT,
                env=self._env | dict(env or {}),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=ASK_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Answer(124, "", f"{words[0]} did not answer in {ASK_S:.0f} s")
        except OSError as error:
            return Answer(127, "", f"{words[0]}: {error.strerror}")
        return Answer(done.returncode, done.stdout, done.stderr)

    def run(self, command: Command) -> None:
        """Print the command and run it in view, again where that may help.

        Raises DeployError if it fails or takes too long.
        """
        print(f"\n{command.title}\n$ {command}", flush=True)
        left = command.again.times if command.again else 0
        while (failed := self._once(command)) is not None:
            code, said = failed
            reason = command.again.reason(said) if command.again else None
            if command.again is None or reason is None or not left:
                raise DeployError(f"{command.title}: {command.words[0]} ended with {code}")
            left -= 1
            pause = f"again in {command.again.pause_s:.0f} s, and {left} times after that"
            print(f"\n{reason!r} passes by itself in a new project: {pause}", flush=True)
            sleep(command.again.pause_s)

    def _once(self, command: Command) -> tuple[int, str] | None:
        """Run the command in view: None, or how it failed and what it has said."""
        program = self.find(command.words[0])
        if program is None:
            raise DeployError(f"{command.words[0]} is not on the PATH")
        source, sink = os.pipe()
        process = subprocess.Popen(
            (program, *command.words[1:]),
            cwd=ROOT,
            env=self._env | dict(command.env),
            stdin=subprocess.PIPE,
            stdout=sink,
            stderr=sink,
            text=True,
        )
        os.close(sink)
        said: list[str] = []
        showing = threading.Thread(target=_show, args=(source, said), daemon=True)
        showing.start()
        try:
            process.communicate(command.stdin, timeout=command.deadline_s)
        except subprocess.TimeoutExpired:
            _stop(process)
            raise DeployError(f"{command.title}: not done in {command.deadline_s:.0f} s") from None
        except KeyboardInterrupt:  # the terminal has told the tool too
            _stop(process, tell=False)
            raise
        finally:
            showing.join(_STOP_S)  # something that it started may still hold the other end
        return None if process.returncode == 0 else (process.returncode, "".join(said))


def _show(source: int, said: list[str]) -> None:
    """Pass on what a command says, line by line, and keep it."""
    with open(source, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            said.append(line)
            print(line, end="", flush=True)


def _stop(process: "subprocess.Popen[str]", *, tell: bool = True) -> None:
    if tell:
        process.terminate()
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
