"""The function that others are measured against: it answers the bytes of a file."""

import os
from pathlib import Path

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response

_BODY = Path(os.environ["BARE_BODY"]).read_bytes()


@functions_framework.aio.http
async def bare(_request: Request) -> Response:
    """200 and the bytes."""
    return Response(_BODY, media_type="application/json")
