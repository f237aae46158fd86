"""What a deployment needs, each with how it is found out and what mends it. Looking changes nothing."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from infra.deploy.runner import Runner
from infra.deploy.target import Target


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that a deployment needs."""

    title: str
    look: Callable[[Runner, Target], str | None]
    """Says what is wrong, or None if it is there."""
    mend: str
    """The command, or what else to do, with {names} of the target."""
    after: tuple[str, ...] = ()
    """The checks without which it cannot be looked at."""


def report(checks: Iterable[Check], runner: Runner, target: Target) -> bool:
    """Look at everything and print a line for each; whether all of it is there."""
    fine: set[str] = set()
    everything = True
    for check in checks:
        unknown = [title for title in check.after if title not in fine]
        problem = None if unknown else check.look(runner, target)
        if unknown:
            print(f"unknown  {check.title}: needs {', '.join(unknown)}")
        elif problem is not None:
            mend = check.mend.format(project=target.project, stack=target.stack, site=target.site_id)
            print(f"MISSING  {check.title}: {problem}; mend: {mend}")
        else:
            print(f"ok       {check.title}")
            fine.add(check.title)
        everything = everything and check.title in fine
    return everything
