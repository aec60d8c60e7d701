"""Answers of handlers, and what they read from requests."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from edgevision.errors import EdgeVisionError, UnknownName
from edgevision.log import Log

from ..sinks.jsonl import dump
from .problems import Problem, of_error, respond

log = Log("edgevision.page")


def number_of(text: str, name: str, low: float, high: float) -> float:
    """Return a number of a query. Raises Problem."""
    try:
        value = float(text) if len(text) <= 20 and text.isascii() else float("nan")
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise Problem(400, f"{name} must be a number from {low:g} to {high:g}")
    return value


def required(given: dict[str, Any], name: str) -> Any:
    """Return a field of a request. Raises Problem if it is missing."""
    if name not in given:
        raise Problem(400, f"{name} is missing")
    return given[name]


def json_answer(value: Any) -> Response:
    """Return a response with a JSON document."""
    return Response(dump(value), media_type="application/json")


def jpeg_answer(data: bytes) -> Response:
    """Return a response with a JPEG."""
    return Response(data, media_type="image/jpeg")


def caught(handler: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """Return a handler that answers errors as problems."""

    async def handle(request: Request) -> Response:
        try:
            return await handler(request)
        except Problem as problem:
            return respond(problem.status, problem.detail, problem.headers)
        except UnknownName as error:
            return respond(404, str(error))
        except EdgeVisionError as error:
            known = of_error(error)
            return respond(known.status, known.detail)

    return handle


async def http_error(_: Request, error: Exception) -> Response:
    """Answer an error of the framework, such as an unknown path."""
    assert isinstance(error, HTTPException)
    return respond(error.status_code, error.detail, dict(error.headers or {}))


async def failed(_: Request, error: Exception) -> Response:
    """Answer an error that nothing expected."""
    log.info("a request failed: %s: %s", type(error).__name__, error)
    return respond(500, f"{type(error).__name__}; the program goes on")
