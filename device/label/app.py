"""The routes of the labeling page: on its own, or below /label/ of the live page."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route

from edgevision.errors import BadInput

from ..page import assets as page_assets
from ..page.access import Access
from ..page.answers import caught, failed, http_error, jpeg_answer, json_answer, number_of, required
from ..page.encoder import WIDTHS, width_step
from ..page.guard import Guard
from ..page.login import login, logout
from ..page.problems import fields, large_fields
from .service import LabelService
from .views import VIEWS, View

if TYPE_CHECKING:
    from starlette.types import ASGIApp

T = TypeVar("T")
MAX_ANSWER_BYTES = 1_000_000
MAX_NUMBER = 2**53
ROUTES = (
    # method, path below /label, handler of ``LabelPage``
    ("GET", "/", "index"),
    ("GET", "/assets/{name}", "asset"),
    ("GET", "/api/status", "status"),
    ("GET", "/api/item", "item"),
    ("GET", "/api/items/{number}/guess", "guess"),
    ("GET", "/api/items/{number}/image", "image"),
    ("POST", "/api/answer", "answer"),
    ("POST", "/api/undo", "undo"),
)


def label_routes(service: LabelService) -> Starlette:
    """Return the application to mount at /label."""
    page = LabelPage(service)
    routes = [Route(path, caught(getattr(page, name)), methods=[method], name=name) for method, path, name in ROUTES]
    return Starlette(routes=routes, exception_handlers={HTTPException: http_error, Exception: failed})


def make_app(service: LabelService, access: Access) -> ASGIApp:
    """Return the application of ``edgevision label``."""

    async def start(_: Request) -> Response:
        return RedirectResponse("/label/")

    async def asset(request: Request) -> Response:
        return page_assets.response(request.path_params["name"])

    async def log_in(request: Request) -> Response:
        return await login(request, access)

    async def log_out(_: Request) -> Response:
        return logout(access)

    routes = [
        Route("/", start),
        Route("/assets/{name}", caught(asset)),
        Route("/login", caught(log_in), methods=["POST"]),
        Route("/logout", caught(log_out), methods=["POST"]),
        Mount("/label", app=label_routes(service)),
    ]
    app = Starlette(routes=routes, exception_handlers={HTTPException: http_error, Exception: failed})
    return Guard(app, access)


class LabelPage:
    """The handlers, one per route of ``ROUTES``."""

    def __init__(self, service: LabelService) -> None:
        self._service = service
        self._pool = ThreadPoolExecutor(3, "label")
        self._guesses = ThreadPoolExecutor(1, "label guess")

    async def index(self, _: Request) -> Response:
        """Return the page."""
        return _own_file("index.html")

    async def asset(self, request: Request) -> Response:
        """Return one of the page's own files."""
        return _own_file(request.path_params["name"])

    async def status(self, request: Request) -> Response:
        """Return what is shown around the image; ``refresh=1``: look for new images before."""
        if request.query_params.get("refresh") == "1":
            await self._apart(self._service.refresh)
        status = await self._apart(self._service.status)
        return json_answer({**status, "role": request.state.role})

    async def item(self, request: Request) -> Response:
        """Return an image of a view: the first one, or the one ``step`` places after ``number``."""
        query = request.query_params
        given = query.get("number")
        number = None if given is None else _whole(given)
        step = int(number_of(query.get("step", "0"), "step", -1000, 1000))
        return json_answer(await self._apart(self._service.show, _view(query.get("view", "todo")), number, step))

    async def guess(self, request: Request) -> Response:
        """Return what the model says of an image."""
        loop = asyncio.get_running_loop()
        number = _whole(request.path_params["number"])
        return json_answer(await loop.run_in_executor(self._guesses, self._service.guess, number))

    async def image(self, request: Request) -> Response:
        """Return an image as JPEG, no wider than asked for."""
        width = int(number_of(request.query_params.get("width", "1280"), "width", 16, WIDTHS[-1]))
        number = _whole(request.path_params["number"])
        return jpeg_answer(await self._apart(self._service.image, number, width_step(width)))

    async def answer(self, request: Request) -> Response:
        """Carry out an answer about an image, and return the next one."""
        kinds = {
            "number": (int,),
            "view": (str,),
            "action": (str,),
            "label": (str,),
            "boxes": (list,),
            "alone": (bool,),
        }
        given = await large_fields(request, MAX_ANSWER_BYTES, kinds)
        value = given.get("label", given.get("boxes"))
        return json_answer(
            await self._apart(
                self._service.answer,
                _view(given.get("view", "todo")),
                required(given, "number"),
                required(given, "action"),
                value,
                given.get("alone", False),
            )
        )

    async def undo(self, request: Request) -> Response:
        """Undo the newest answer."""
        await fields(request)
        return json_answer(await self._apart(self._service.undo))

    async def _apart(self, call: Callable[..., T], *args: Any) -> T:
        """Call what may block on another thread."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, call, *args)


def _whole(text: str) -> int:
    """Return the number of an image. Raises Problem."""
    return int(number_of(text, "number", 1, MAX_NUMBER))


def _view(text: str) -> View:
    if text not in VIEWS:
        raise BadInput(f"unknown view {text!r:.40}; use {', '.join(VIEWS)}")
    return text


def _own_file(name: str) -> Response:
    """Return the response with one of the page's own files. Raises Problem."""
    return page_assets.response(name, __package__)
