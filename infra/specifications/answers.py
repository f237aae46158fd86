"""Each operation's answers: its successes and its errors, by status."""

import itertools
from collections.abc import Iterable, Mapping, Sequence

from confab.http.routes import Route
from infra.specifications.headers import headers, headers_of
from infra.specifications.operations import Operation, errors_of
from infra.specifications.problems import EXAMPLES, Kind, example_of, problems
from infra.specifications.schemas import Json


def answers_of(route: Route, operation: Operation) -> Json:
    """The responses of an operation; errors are references to `shared_answers`."""
    told = {
        str(status): {
            "description": words,
            "headers": headers(*operation.tells),
            "content": {
                "application/json": {
                    "schema": {"$ref": f"#/components/schemas/{operation.answer.__name__}"},
                    "example": operation.example,
                }
            },
        }
        for status, words in operation.successes.items()
    }
    return told | refusals(errors_of(route, operation))


def refusals(kinds: Iterable[Kind]) -> Json:
    """References to the answers that tell these errors, by status."""
    return {
        str(group[0].status): {"$ref": f"#/components/responses/{_name(group)}"}
        for group in _by_status(kinds)
    }


def shared_answers(kinds: Iterable[Sequence[Kind]]) -> Mapping[str, Json]:
    """The answers that tell errors, by name; each of `kinds` is what one operation can tell."""
    groups = {_name(group): group for some in kinds for group in _by_status(some)}
    return {
        name: _answer(group) for name, group in sorted(groups.items(), key=lambda item: item[1][0].status)
    }


def _by_status(kinds: Iterable[Kind]) -> Sequence[Sequence[Kind]]:
    ascending = sorted(kinds, key=lambda kind: kind.status)
    return [list(group) for _, group in itertools.groupby(ascending, key=lambda kind: kind.status)]


def _name(group: Iterable[Kind]) -> str:
    return "Or".join(kind.__name__ for kind in group)


def _answer(group: Sequence[Kind]) -> Json:
    return {
        "description": " ".join(f"`{kind.code}`: {kind.__doc__}" for kind in group),
        "headers": headers_of(group),
        "content": {
            "application/problem+json": {
                "schema": problems(group),
                "examples": {
                    kind.code: {"summary": EXAMPLES[kind.code].title, "value": example_of(kind)}
                    for kind in group
                },
            }
        },
    }
