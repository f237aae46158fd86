"""Ways to spoil a deployment, each a function that alters it."""

from collections.abc import Callable
from typing import Any

from tests.infra.deployment import Deployment, Resource

Mutation = Callable[[Deployment], None]


def drop(kind: str, name: str) -> Mutation:
    """Leave a resource out."""

    def mutate(made: Deployment) -> None:
        made.resources.remove(made.one(kind, name))

    return mutate


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


def shorten(kind: str, name: str, key: str) -> Mutation:
    """Leave the last element of a list out."""

    def mutate(made: Deployment) -> None:
        made.one(kind, name).inputs[key].pop()

    return mutate


def hurry(kind: str, name: str, before: str) -> Mutation:
    """Let a resource not wait for one of those that it waits for."""

    def mutate(made: Deployment) -> None:
        after = made.one(kind, name).after
        (awaited,) = [each for each in after if each.endswith(f"/{before}")]
        after.remove(awaited)

    return mutate


def serve(service: str, cell: str | None) -> Mutation:
    """Let a container serve another cell, or not know which."""

    def mutate(made: Deployment) -> None:
        (container,) = made.one("Service", service).inputs["template"]["containers"]
        others = [each for each in container["envs"] if each["name"] != "CONFAB_CELL"]
        container["envs"] = [*others, {"name": "CONFAB_CELL", "value": cell}] if cell else others

    return mutate


def add(kind: str, module: str, **inputs: str) -> Mutation:
    """Make something more."""

    def mutate(made: Deployment) -> None:
        made.resources.append(Resource(kind, module, "more", {"project": made.project, **inputs}))

    return mutate


def permit(kind: str, role: str, who: str, **on: str) -> Mutation:
    """Give somebody something more: one of our accounts by its id, or everybody."""
    member = who if who.startswith("all") else f"serviceAccount:{who}@my-project.iam.gserviceaccount.com"
    return add(kind, "iam", role=role, member=member, **on)


def rewrite(change_them: Callable[[list[Any]], object]) -> Mutation:
    """Alter the rewrites of Hosting."""

    def mutate(made: Deployment) -> None:
        change_them(made.outputs["rewrites"])

    return mutate
