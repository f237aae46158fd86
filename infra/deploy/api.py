"""Google's APIs, asked as the account of a login."""

from collections.abc import Sequence
from typing import Any

import httpx

from infra.deploy.runner import Runner
from infra.deploy.target import Target

GCLOUD = ("gcloud", "auth")
APPLICATION_DEFAULT = ("gcloud", "auth", "application-default")
_DEADLINE_S = 30.0


class Unanswered(Exception):
    """There is no answer; the message says why."""


def ask(
    runner: Runner, target: Target, login: Sequence[str], url: str, body: object = None
) -> tuple[int, Any]:
    """The status and the JSON of an answer, to a POST where there is a body. Raises Unanswered.

    The call is counted on the target's project.
    """
    token = runner.ask(*login, "print-access-token")
    if not token.ok:
        raise Unanswered(token.trouble)
    try:
        answer = httpx.request(
            "GET" if body is None else "POST",
            url,
            json=body,
            headers={"Authorization": f"Bearer {token.out.strip()}", "X-Goog-User-Project": target.project},
            timeout=_DEADLINE_S,
        )
        return answer.status_code, answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise Unanswered(f"cannot be found out: {error}") from error
