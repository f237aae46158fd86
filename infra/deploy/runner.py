"""Runs the tools: every command has a deadline, and one that changes something is printed first."""

import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from infra.deploy.target import ROOT

ASK_S = 60.0
_STOP_S = 30.0
"""How long a tool that is told to stop may take; Pulumi then gives back its lock."""


class DeployError(Exception):
    """The deployment cannot go on; the message says why."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command that changes something."""

    title: str
    words: tuple[str, ...]
    deadline_s: float
    stdin: str = field(default="", repr=False)
    """What it reads; this is how it gets a secret, which is never printed."""
    env: Mapping[str, str] = field(default_factory=dict)

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
        """Print the command and run it in view. Raises DeployError if it fails or takes too long."""
        print(f"\n{command.title}\n$ {command}", flush=True)
        program = self.find(command.words[0])
        if program is None:
            raise DeployError(f"{command.words[0]} is not on the PATH")
        process = subprocess.Popen(
            (program, *command.words[1:]),
            cwd=ROOT,
            env=self._env | dict(command.env),
            stdin=subprocess.PIPE,
            stdout=sys.stdout.fileno(),
            stderr=sys.stderr.fileno(),
            text=True,
        )
        try:
            process.communicate(command.stdin, timeout=command.deadline_s)
        except subprocess.TimeoutExpired:
            _stop(process)
            raise DeployError(f"{command.title}: not done in {command.deadline_s:.0f} s") from None
        except KeyboardInterrupt:  # the terminal has told the tool too
            _stop(process, tell=False)
            raise
        if process.returncode != 0:
            raise DeployError(f"{command.title}: {command.words[0]} ended with {process.returncode}")


def _stop(process: "subprocess.Popen[str]", *, tell: bool = True) -> None:
    if tell:
        process.terminate()
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
