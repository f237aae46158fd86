"""Runs command-line tools, each with a deadline, and prints those that change something before they run."""

import os
import re
import shlex
import shutil
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from infra.deploy.target import ROOT

ASK_S = 60.0
_STOP_S = 30.0
"""The grace period after SIGTERM, in which Pulumi releases its lock."""


class DeployError(Exception):
    """The deployment cannot go on; the message says why."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Retries a failed command on errors that are transient in a new project."""

    transient: tuple[str, ...]
    """Patterns of the errors."""
    times: int
    pause_s: float

    def reason(self, printed: str) -> str | None:
        """The transient error in this output, or None."""
        found = re.search("|".join(self.transient), printed)
        return None if found is None else found[0]

    def __str__(self) -> str:
        patterns = ", ".join(self.transient)
        return f"retried every {self.pause_s:.0f} s, at most {self.times} times, while it prints: {patterns}"


@dataclass(frozen=True, slots=True)
class Command:
    """A command that changes something."""

    title: str
    words: tuple[str, ...]
    deadline_s: float
    stdin: str = field(default="", repr=False)
    """Its standard input, which is never printed: secrets go in this way."""
    env: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Further variables, which are never printed."""
    retry: Retry | None = None

    def __str__(self) -> str:
        assignments = [f"{name}={value}" for name, value in self.env.items()]
        return " ".join((*assignments, shlex.join(self.words)))


@dataclass(frozen=True, slots=True)
class Answer:
    """A command's output and exit code."""

    code: int
    out: str
    err: str = ""

    @property
    def ok(self) -> bool:
        """Whether it succeeded."""
        return self.code == 0

    @property
    def trouble(self) -> str:
        """The last line that it printed."""
        lines = [line.strip() for line in f"{self.out}\n{self.err}".splitlines() if line.strip()]
        return lines[-1] if lines else f"it ended with {self.code}"


class Runner:
    """Runs commands from the repository's root with one environment, of which Pulumi's is Pulumi's alone."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self.env = dict(env)

    def find(self, tool: str) -> str | None:
        """The path of a tool on the PATH, or None."""
        return shutil.which(tool, path=self.env.get("PATH", ""))

    def _env_of(self, tool: str) -> dict[str, str]:
        """Without what opens Pulumi's state, for another tool."""
        mine = tool == "pulumi"
        return {name: value for name, value in self.env.items() if mine or not name.startswith("PULUMI_")}

    def ask(self, *words: str, env: Mapping[str, str] | None = None) -> Answer:
        """The output of a command that changes nothing. Never raises."""
        try:
            done = subprocess.run(
                (self.find(words[0]) or words[0], *words[1:]),
                cwd=ROOT,
                env=self._env_of(words[0]) | dict(env or {}),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=ASK_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Answer(124, "", f"{words[0]} did not respond within {ASK_S:.0f} s")
        except OSError as error:
            return Answer(127, "", f"{words[0]}: {error.strerror}")
        return Answer(done.returncode, done.stdout, done.stderr)

    def run(self, command: Command) -> None:
        """Print the command, run it in view, and retry it as its `retry` allows.

        Raises DeployError if it fails or takes too long.
        """
        print(f"\n{command.title}\n$ {command}", flush=True)
        left = command.retry.times if command.retry else 0
        while not (answer := self.attempt(command)).ok:
            reason = command.retry.reason(answer.out) if command.retry else None
            if command.retry is None or reason is None or not left:
                raise DeployError(f"{command.title}: {command.words[0]} ended with {answer.code}")
            left -= 1
            pause = f"retrying in {command.retry.pause_s:.0f} s, and {left} times after that"
            print(f"\n{reason!r} is transient in a new project: {pause}", flush=True)
            self.sleep(command.retry.pause_s)

    def sleep(self, seconds: float) -> None:
        """Wait before another attempt."""
        time.sleep(seconds)

    def attempt(self, command: Command) -> Answer:
        """Run the command once, in view. Raises DeployError if it takes too long."""
        program = self.find(command.words[0])
        if program is None:
            raise DeployError(f"{command.words[0]} is not on PATH")
        source, sink = os.pipe()
        process = subprocess.Popen(
            (program, *command.words[1:]),
            cwd=ROOT,
            env={**self._env_of(command.words[0]), **command.env, **command.secrets},
            stdin=subprocess.PIPE,
            stdout=sink,
            stderr=sink,
            text=True,
        )
        os.close(sink)
        printed: list[str] = []
        showing = threading.Thread(target=_show, args=(source, printed), daemon=True)
        showing.start()
        try:
            process.communicate(command.stdin, timeout=command.deadline_s)
        except subprocess.TimeoutExpired:
            process.terminate()
            _reap(process)
            raise DeployError(f"{command.title}: not done within {command.deadline_s:.0f} s") from None
        except SystemExit:  # only this process got SIGTERM
            process.terminate()
            _reap(process)
            raise
        except KeyboardInterrupt:  # the terminal has sent SIGINT to the tool as well
            _reap(process)
            raise
        finally:
            showing.join(_STOP_S)  # a process that the tool started may still hold the pipe
        return Answer(process.returncode, "".join(printed))


def _show(source: int, printed: list[str]) -> None:
    """Print a command's output line by line, and keep it."""
    with open(source, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            printed.append(line)
            print(line, end="", flush=True)


def _reap(process: "subprocess.Popen[str]") -> None:
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
