from confab.domain import errors
from confab.domain.errors import ERRORS, InvalidRequest, problem

STATUSES = {
    "invalid_request": 400,
    "unauthenticated": 401,
    "token_expired": 401,
    "token_revoked": 401,
    "forbidden": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "conversation_finalized": 409,
    "idempotency_conflict": 409,
    "payload_too_large": 413,
    "unsupported_media_type": 415,
    "rate_limited": 429,
    "internal": 500,
    "unavailable": 503,
}


def test_the_table_is_the_contracts():
    assert {code: error.status for code, error in ERRORS.items()} == STATUSES
    assert {code for code, error in ERRORS.items() if error.retry_after} == {"rate_limited", "unavailable"}


def test_a_problem_has_the_contracts_fields_and_no_others():
    assert problem(errors.NotFound("gone"), "r1") == {
        "type": "urn:confab:error:not_found",
        "title": "Not found",
        "status": 404,
        "detail": "gone",
        "code": "not_found",
        "requestId": "r1",
    }


def test_an_invalid_request_lists_its_fields():
    body = problem(InvalidRequest.field("members.0.userId", "is the owner"), "r1")
    assert body["errors"] == [{"path": "members.0.userId", "message": "is the owner"}]
    assert body["detail"] == "members.0.userId: is the owner"
