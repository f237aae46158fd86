"""A supervisor over toy services: `python -m tests.support.toy_stack FOLDER CASE`."""

import asyncio
import os
import sys
from pathlib import Path

from infra.local.service import Service, prints
from infra.local.supervisor import Supervisor, say

LOYAL = """
import signal, sys
from pathlib import Path
def leave(*_):
    with Path("stopped").open("a") as stopped:
        print(sys.argv[1], file=stopped)
    sys.exit()
signal.signal(signal.SIGTERM, leave)
print("ready", flush=True)
while True:
    signal.pause()
"""
STUBBORN = """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
while True:
    signal.pause()
"""
DESERTED = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() > 0:
        os._exit(0)
    time.sleep(600)
os.wait()
print("ready", flush=True)
time.sleep(600)
"""
RESTLESS = "print('ready', flush=True); import time; time.sleep(0.2); raise SystemExit('enough')"
MUTE = "import time; print('still busy', flush=True); time.sleep(600)"
BROKEN = "raise SystemExit('a reason')"


def toy(
    folder: Path, name: str, program: str, *, tier: int = 0, after: tuple[str, ...] = (), stop_s: float = 5
) -> Service:
    return Service(
        name=name,
        command=(sys.executable, "-c", program, name),
        env=os.environ,
        cwd=folder,
        ready=prints("ready"),
        announces={name: "toy"},
        after=after,
        tier=tier,
        start_s=2,
        stop_s=stop_s,
    )


def case(folder: Path, name: str) -> list[Service]:
    ground = toy(folder, "ground", LOYAL)
    cases = {
        "loyal": [
            ground,
            toy(folder, "first", LOYAL, tier=1, after=("ground",)),
            toy(folder, "roof", LOYAL, tier=2, after=("first",)),
        ],
        "stubborn": [ground, toy(folder, "stubborn", STUBBORN, stop_s=0.5)],
        "endless": [ground, toy(folder, "stubborn", STUBBORN, stop_s=60)],
        "deserted": [toy(folder, "deserted", DESERTED)],
        "restless": [ground, toy(folder, "restless", RESTLESS)],
        "mute": [ground, toy(folder, "mute", MUTE)],
        "broken": [ground, toy(folder, "broken", BROKEN), toy(folder, "next", LOYAL, after=("broken",))],
    }
    return cases[name]


if __name__ == "__main__":
    place = Path(sys.argv[1])
    supervisor = Supervisor(case(place, sys.argv[2]), place, say)
    sys.exit(asyncio.run(supervisor.run(lambda: say("ready toys"))))
