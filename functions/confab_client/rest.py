"""REST calls: a token, bounded retries, and one kind of error."""

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx

from confab_client.errors import ConfabError
from confab_client.tokens import Tokens

MOST_RETRY_AFTER_S = 30.0
Json = Mapping[str, Any]
PASSING = frozenset({429, 502, 503, 504})


class Rest:
    """Calls operations. Each may be repeated safely, so each is retried while that may help."""

    def __init__(self, http: httpx.AsyncClient, tokens: Tokens, attempts: int) -> None:
        self._http = http
        self._tokens = tokens
        self._attempts = attempts

    async def call(
        self,
        method: str,
        path: str,
        *,
        query: Json | None = None,
        body: Json | None = None,
        key: str | None = None,
        ends: bool = False,
    ) -> Any:
        """The JSON of the response, or None if it has none. Raises ConfabError.

        `key` is sent as `Idempotency-Key`. `ends`: success ends the caller's access, so that `not_found`
        after a try whose response was lost is the success of that try.
        """
        headers = {} if key is None else {"Idempotency-Key": key}
        request = {"params": query, "json": body, "headers": headers}
        failures, lost = 0, False
        while True:
            try:
                return await self._send(method, path, request)
            except ConfabError as error:
                if ends and lost and error.code == "not_found":
                    return None
                failures, lost = failures + 1, lost or error.retryable
                long = (error.retry_after or 0) > MOST_RETRY_AFTER_S
                if not error.retryable or failures >= self._attempts or long:
                    raise
                await asyncio.sleep(error.pause_s(failures))

    async def _send(self, method: str, path: str, request: Json) -> Any:
        token, app = await self._tokens.current(), await self._tokens.app_check()
        headers = {**request["headers"], "Authorization": f"Bearer {token}"}
        if app:
            headers["X-Firebase-AppCheck"] = app
        try:
            response = await self._http.request(method, path, **{**request, "headers": headers})
            if response.is_success:
                return response.json() if response.content else None
        except httpx.TimeoutException as error:
            within = f"within {self._http.timeout.read:g} s"
            raise ConfabError("timeout", f"{self._http.base_url} does not respond {within}") from error
        except httpx.RequestError as error:
            reason = str(error) or type(error).__name__
            raise ConfabError("network", f"{self._http.base_url} does not respond: {reason}") from error
        except ValueError:
            pass  # another server's page
        refusal = _error(response)
        if refusal.about_token and self._attempts > 1:
            refusal.retryable = await self._tokens.replace(token)
        raise refusal


def _error(response: httpx.Response) -> ConfabError:
    """The problem in a response; what has none is a gateway's or another server's."""
    said = response.headers.get("Retry-After", "")
    retry_after = float(said) if said.isdigit() else None
    try:
        if response.headers.get("Content-Type", "").startswith("application/problem+json"):
            return ConfabError.of({"status": response.status_code} | response.json(), retry_after)
    except (ValueError, TypeError):
        pass  # no problem after all
    status = response.status_code
    code = "unavailable" if status in PASSING else "bad_response"
    detail = f"{response.url.path} responds {status} without JSON or a problem"
    return ConfabError(code, detail, status=status, retryAfter=retry_after)
