"""The functions, called over HTTP."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import httpx

from tests.support.users import User

ANSWER_S = 8.0
"""Seconds after which a client gives an answer up."""


class Rest:
    """Calls functions by name; `urls` says where each is."""

    def __init__(self, http: httpx.AsyncClient, urls: Mapping[str, str]) -> None:
        self._http = http
        self._urls = urls
        self.waiting: Counter[str] = Counter()
        """How many calls each function is working on."""

    async def call(
        self,
        function: str,
        path: str,
        user: User,
        body: Mapping[str, Any] | None,
        *,
        method: str = "POST",
        **headers: str,
    ) -> dict[str, Any] | None:
        """`{ok: true, body}` or `{ok: false, error}`, or None for no answer."""
        self.waiting[function] += 1
        try:
            answer = await self._http.request(
                method,
                f"{self._urls[function]}/api/conversations{path}",
                json=body,
                headers={"Authorization": f"Bearer {user.token}", **headers},
                timeout=ANSWER_S,
            )
            said: dict[str, Any] = answer.json() if answer.content else {}
        except httpx.TransportError:
            return None
        except ValueError:
            return {"ok": False, "error": {"code": f"{answer.status_code} without a JSON body"}}
        finally:
            self.waiting[function] -= 1
        return {"ok": True, "body": said} if answer.is_success else {"ok": False, "error": said}
