"""Errors as ``application/problem+json`` (RFC 9457), and request bodies of limited size and time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from edgevision.errors import BadInput, EdgeVisionError, MissingFile, one_line
from edgevision.files import strict_json

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

BODY_S = 20.0
"""Seconds in which a whole body has to arrive."""
MAX_JSON = 16_384
TITLES = {
    400: "Bad request",
    401: "Login needed",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    408: "Request too slow",
    409: "Conflict",
    413: "Request too large",
    415: "Wrong type of content",
    416: "Range not available",
    429: "Too many requests",
    500: "Internal error",
    503: "Not available now",
}


class Problem(Exception):
    """Raised by a handler to answer with an error."""

    def __init__(self, status: int, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, headers or {}


def problem_body(status: int, detail: str) -> bytes:
    """Return the body of an error."""
    value = {"type": "about:blank", "title": TITLES.get(status, "Error"), "status": status, "detail": one_line(detail)}
    return json.dumps(value).encode()


def respond(status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    """Return the response of an error."""
    from starlette.responses import Response

    return Response(problem_body(status, detail), status, headers, "application/problem+json")


def of_error(error: EdgeVisionError) -> Problem:
    """Return the problem for an error of the product."""
    status = 404 if isinstance(error, MissingFile) else 400 if isinstance(error, BadInput) else 503
    return Problem(status, str(error))


async def body(request: Request, limit: int) -> bytes:
    """Return the body of a request. Raises Problem."""
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > limit:
        raise Problem(413, f"the body must have at most {limit} bytes")
    data = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            async for chunk in request.stream():
                data += chunk
                if len(data) > limit:
                    raise Problem(413, f"the body must have at most {limit} bytes")
    except TimeoutError:
        raise Problem(408, f"the body did not arrive within {BODY_S:g} s", {"Connection": "close"}) from None
    return bytes(data)


async def fields(request: Request, **kinds: tuple[type, ...]) -> dict[str, Any]:
    """Return the JSON object of a request; ``kinds``: the allowed types of each field. Raises Problem."""
    return await large_fields(request, MAX_JSON, kinds)


async def large_fields(request: Request, max_bytes: int, kinds: Mapping[str, tuple[type, ...]]) -> dict[str, Any]:
    """Return the JSON object of a request of at most ``max_bytes``. Raises Problem."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Problem(415, "send application/json")
    try:
        value = strict_json.loads(await body(request, max_bytes), "the body", max_bytes)
    except BadInput as error:
        raise Problem(400, str(error)) from None
    if not isinstance(value, dict):
        raise Problem(400, "the body must be a JSON object")
    for name, one in value.items():
        if name not in kinds:
            raise Problem(400, f"unknown field {name!r:.60}; use {', '.join(kinds)}")
        if type(one) not in kinds[name]:
            names = " or ".join(NAMES[kind] for kind in kinds[name] if kind is not int or float not in kinds[name])
            raise Problem(400, f"{name} must be {names}")
    return value


NAMES = {
    str: "text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    list: "a list",
    type(None): "null",
}
