"""What schemathesis lacks to attack Confab: who is calling, and what the document says in words alone.

Schemathesis loads this module: it is named in SCHEMATHESIS_HOOKS.
"""

import os
import random
import re
from http import HTTPStatus
from typing import Any

import httpx
import schemathesis
from schemathesis import AuthContext, Case, CheckContext, GenerationMode, HookContext, Response

from tests.support.conformance import rest_document
from tests.support.users import user

SEED = "FUZZ_SEED"
OWNER, MEMBER, STRANGER = "alice", "k7PzR4sTnW03", "eve"
"""The document's examples make the second one a member."""
UNSAID = re.compile(
    "is not a cursor|not both|beyond the newest|must be a member|is the owner|is listed twice"
    "|the number of no message|bytes (as JSON|in UTF-8)|members allowed|things are wrong"
)
"""Why a request is refused that fits the schemas: for the state, or for a rule that a schema cannot state."""
OF_A_SERVER = {"date", "server"}
"""Headers that HTTP servers add."""

_document, _random = rest_document(), random.Random(os.environ.get(SEED))


@schemathesis.auth(refresh_interval=None)
class Users:
    """Tokens of the users, most often the owner's; the sequences that are stateful need one user."""

    def get(self, case: Case, _: AuthContext) -> str:
        stateful = case.meta is not None and case.meta.phase.name.value == "stateful"
        (uid,) = _random.choices((OWNER, MEMBER, STRANGER), (6, 0, 0) if stateful else (6, 2, 1))
        return user(uid).token

    def set(self, case: Case, data: str, _: AuthContext) -> None:
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.hook
def filter_query(_: HookContext, query: Any) -> bool:
    """Leave out an empty value: it counts as left out, whatever the schema says of values."""
    return not isinstance(query, dict) or "" not in query.values()


@schemathesis.check
def answers_are_documented(_: CheckContext, response: Response, __: Case) -> None:
    """Also whatever the path and the method, and without headers that the document lacks."""
    sent = response.request
    headers = {name: values[0] for name, values in response.headers.items() if name not in OF_A_SERVER}
    request = httpx.Request(sent.method or "", sent.url or "")
    _document.check(
        httpx.Response(response.status_code, headers=headers, content=response.content, request=request)
    )


@schemathesis.check
def valid_requests_are_taken(_: CheckContext, response: Response, case: Case) -> None:
    """Nothing that fits the schemas is refused, unless for a reason that no schema can state."""
    positive = case.meta is not None and case.meta.generation.mode is GenerationMode.POSITIVE
    if positive and response.status_code == HTTPStatus.BAD_REQUEST:
        reasons = [error["message"] for error in response.json()["errors"]]
        assert all(map(UNSAID.search, reasons)), reasons
