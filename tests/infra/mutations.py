"""Ways to spoil a deployment, each a function that alters it."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.infra.deployment import FULL, Deployment, Resource, deployed

Check = Callable[[Deployment], None]
Mutation = Callable[[Deployment], object]


def found_by(mutations: Mapping[Check, Mapping[str, Mutation]]) -> pytest.MarkDecorator:
    """A test of `check` and `mutate` for each mutation, by the check that has to find it."""
    cases = [
        pytest.param(check, mutate, id=name)
        for check, each in mutations.items()
        for name, mutate in each.items()
    ]
    return pytest.mark.parametrize(("check", "mutate"), cases)


def assert_found(check: Check, mutate: Mutation) -> None:
    """Fails unless the check accepts the deployment, and rejects it once it is spoiled."""
    made = deployed(FULL)
    check(made)
    mutate(made)
    with pytest.raises(AssertionError):
        check(made)


def drop(kind: str, name: str) -> Mutation:
    """Leave a resource out."""
    return lambda made: made.resources.remove(made.one(kind, name))


def change(kind: str, name: str, path: str, value: Any) -> Mutation:
    """Set an input, found by its path, to something else."""

    def mutate(made: Deployment) -> None:
        *steps, last = path.split(".")
        part: Any = made.one(kind, name).inputs
        for step in steps:
            part = part[int(step)] if step.isdecimal() else part[step]
        assert part.get(last) != value
        part[last] = value

    return mutate


def hurry(kind: str, name: str, before: str) -> Mutation:
    """Let a resource not wait for one that it depends on."""

    def mutate(made: Deployment) -> None:
        after = made.one(kind, name).after
        (awaited,) = [each for each in after if each.endswith(f"/{before}")]
        after.remove(awaited)

    return mutate


def add(kind: str, module: str, **inputs: str) -> Mutation:
    """Make one resource more."""
    return lambda made: made.resources.append(
        Resource(kind, module, "more", {"project": made.project, **inputs})
    )


def permit(kind: str, role: str, who: str, **on: str) -> Mutation:
    """Grant one role more: to one of our accounts by its id, or to everybody."""
    member = who if who.startswith("all") else f"serviceAccount:{who}@my-project.iam.gserviceaccount.com"
    return add(kind, "iam", role=role, member=member, **on)
