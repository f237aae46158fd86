"""Mutations of a deployment, each of which a check must reject."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.infra.deployment import FULL, Deployment, Resource, deployed

Check = Callable[[Deployment], None]
Mutation = Callable[[Deployment], object]


def each_of(mutations: Mapping[Check, Mapping[str, Mutation]]) -> pytest.MarkDecorator:
    """Parametrize a test by `check` and `mutate`, for each mutation by the check that must reject it."""
    cases = [
        pytest.param(check, mutate, id=name)
        for check, each in mutations.items()
        for name, mutate in each.items()
    ]
    return pytest.mark.parametrize(("check", "mutate"), cases)


def assert_rejected(check: Check, mutate: Mutation) -> None:
    """Fail unless the check accepts the deployment and rejects its mutation."""
    stack = deployed(FULL)
    check(stack)
    mutate(stack)
    with pytest.raises(AssertionError):
        check(stack)


def drop(key: str) -> Mutation:
    return lambda stack: stack.resources.remove(stack.one(key))


def change(key: str, path: str, value: Any) -> Mutation:
    """Set the input of a resource at a path to another value."""

    def mutate(stack: Deployment) -> None:
        *steps, last = path.split(".")
        part: Any = stack.one(key).inputs
        for step in steps:
            part = part[int(step)] if step.isdecimal() else part[step]
        assert part.get(last) != value
        part[last] = value

    return mutate


def undepend(key: str, name: str) -> Mutation:
    """Remove a resource's dependency on the resource of this name."""

    def mutate(stack: Deployment) -> None:
        after = stack.one(key).after
        (dependency,) = [each for each in after if each.endswith(f"/{name}")]
        after.remove(dependency)

    return mutate


def add(kind: str, module: str, **inputs: str) -> Mutation:
    return lambda stack: stack.resources.append(
        Resource(module, kind, "added", {"project": stack.project, **inputs})
    )


def permit(kind: str, role: str, who: str, **on: str) -> Mutation:
    """Add a grant of a role, to one of our accounts by its id or to everybody."""
    member = who if who.startswith("all") else f"serviceAccount:{who}@my-project.iam.gserviceaccount.com"
    return add(kind, "iam", role=role, member=member, **on)
