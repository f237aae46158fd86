"""Calls Google's APIs with the access token of a login."""

from functools import cache
from typing import Any

import httpx

from infra.deploy.runner import Runner
from infra.deploy.target import Target
from infra.probes.probe import Failure

GCLOUD = "gcloud auth print-access-token"
APPLICATION_DEFAULT = "gcloud auth application-default print-access-token"
_DEADLINE_S = 30.0
_tls = cache(httpx.create_ssl_context)  # some 50 ms of CPU each


def call(runner: Runner, target: Target, login: str, url: str, body: object = None) -> tuple[int, Any]:
    """The response's status and JSON; POSTs `body` if there is one. Raises Failure.

    Google counts the call against the quota of the target's project.
    """
    token = runner.ask(*login.split())
    if not token.ok:
        raise Failure(token.trouble)
    headers = {"Authorization": f"Bearer {token.out.strip()}", "X-Goog-User-Project": target.project}
    try:
        method = "GET" if body is None else "POST"
        response = httpx.request(method, url, json=body, headers=headers, timeout=_DEADLINE_S, verify=_tls())
        return response.status_code, response.json()
    except (httpx.HTTPError, ValueError) as error:
        raise Failure(f"{url} does not respond: {error}") from error
