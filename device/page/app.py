"""The routes of the live page."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route

from edgevision.errors import BadInput
from edgevision.log import Log
from edgevision.preprocessing.decode import decode
from edgevision.preprocessing.pixel_limit import BYTES_PER_PIXEL
from edgevision.preprocessing.sniff import sniff

from ..sinks.jsonl import frame_record
from ..system.clock import rfc3339
from ..tracking.shapes import all_named, parse_line, parse_zone
from . import assets, openapi, status
from .answers import caught, failed, http_error, jpeg_answer, json_answer, number_of, required
from .bell import Bell
from .clips import byte_range, chunks
from .collected import PAGE, CollectedImage
from .encoder import WIDTHS, Encoder, width_step
from .guard import Guard
from .login import login, logout
from .metrics import KIND as METRICS
from .problems import Problem, body, fields
from .streams import MJPEG, Places, mjpeg, server_sent_events

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from ..tracking.shapes import Shapes
    from .parts import Parts

log = Log("edgevision.page")
T = TypeVar("T")
STREAMS, LISTENERS, PLAYERS = 20, 40, 20
"""Largest numbers of viewers of the image, of the events and of clips."""
MAX_IMAGE_BYTES = 20_000_000
MAX_IMAGE_PIXELS = 25_000_000
STALE_S = 30.0
"""Seconds without a frame after which /healthz reports a problem, unless the loop is paused."""


def make_app(parts: Parts, bell: Bell) -> ASGIApp:
    """Return the application; called on the server's thread."""
    page = Page(parts, bell)
    routes: list[BaseRoute] = [
        Route(path, caught(getattr(page, name)), methods=[method], name=name) for method, path, name in openapi.ROUTES
    ]
    if parts.labeling is not None:
        routes.append(Mount("/label", app=parts.labeling))
    app = Starlette(routes=routes, exception_handlers={HTTPException: http_error, Exception: failed})
    return Guard(app, parts.access)


class Page:
    """The handlers, one per route of ``openapi.ROUTES``."""

    def __init__(self, parts: Parts, bell: Bell) -> None:
        self._parts, self._bell = parts, bell
        self._pool = ThreadPoolExecutor(3, "page")
        self._predictor = ThreadPoolExecutor(1, "page predict")
        self._encoder = Encoder(ThreadPoolExecutor(1, "page jpeg"), parts.clock)
        self._streams = Places(STREAMS, f"{STREAMS} viewers see the image already; close one of them, or wait")
        self._listeners = Places(LISTENERS, f"{LISTENERS} pages are open already; close one of them, or wait")
        self._zips = Places(1, "somebody downloads the collected photos already; try again later")
        self._predictions = Places(2, "other images are being recognized; try again")
        self._players = Places(PLAYERS, f"{PLAYERS} clips play already; try again later")

    async def index(self, _: Request) -> Response:
        """Return the page."""
        return assets.response("index.html")

    async def asset(self, request: Request) -> Response:
        """Return one of the page's own files."""
        return assets.response(request.path_params["name"])

    async def manifest(self, _: Request) -> Response:
        """Return the description of the installable app."""
        return assets.response("manifest.webmanifest")

    async def health(self, _: Request) -> Response:
        """Return whether the loop works."""
        parts = self._parts
        seen = parts.live.seen_at
        age = None if seen is None else round(parts.clock.monotonic() - seen, 3)
        good = parts.control.paused or (age is not None and age < STALE_S)
        return JSONResponse({"ok": good, "frame_age_s": age}, 200 if good else 503)

    async def metrics(self, _: Request) -> Response:
        """Return counts, times and labels for Prometheus."""
        found = self._parts.metrics
        if found is None:
            raise Problem(404, "no metrics: install them with: pip install 'edgevision[metrics]'")
        return Response(await self._apart(found.text, self._parts.live.newest), media_type=METRICS)

    async def login(self, request: Request) -> Response:
        """Exchange a token for a cookie."""
        return await login(request, self._parts.access)

    async def logout(self, _: Request) -> Response:
        """Delete the cookie."""
        return logout(self._parts.access)

    async def openapi(self, _: Request) -> Response:
        """Return the description of this API."""
        return json_answer(openapi.document())

    async def status(self, request: Request) -> Response:
        """Return everything that a page needs when it is opened."""
        return json_answer(await self._apart(status.full_status, self._parts, request.state.role))

    async def events(self, request: Request) -> Response:
        """Return results, events and status as server-sent events."""
        last = number_of(request.headers.get("last-event-id", "0"), "Last-Event-ID", 0, 2**53)
        return self._viewed(
            self._listeners,
            server_sent_events(self._parts.live, self._bell, self._status, int(last), self._parts.clock),
            "text/event-stream",
        )

    async def event_image(self, request: Request) -> Response:
        """Return the image in which an event happened."""
        event = number_of(request.path_params["id"], "id", 1, 2**53)
        return jpeg_answer(await self._apart(self._event_image, event))

    async def clips(self, _: Request) -> Response:
        """List the clips that this run wrote."""
        return json_answer(await self._apart(self._parts.clips.to_json))

    async def clip(self, request: Request) -> Response:
        """Return a clip, or the part of it that is asked for."""
        clip, file = await self._apart(self._parts.clips.open, request.path_params["id"])
        try:
            wanted = byte_range(request.headers.get("range"), clip.bytes)
            first, last = wanted or (0, clip.bytes - 1)
            content = _unblocked(chunks(file, first, last), self._pool)
            answer = self._viewed(self._players, content, "video/webm", file.close)
        except Problem:
            file.close()
            raise
        answer.headers.update({"accept-ranges": "bytes", "content-length": str(last - first + 1)})
        if wanted is not None:
            answer.status_code = 206
            answer.headers["content-range"] = f"bytes {first}-{last}/{clip.bytes}"
        return answer

    async def stream(self, request: Request) -> Response:
        """Return the image as MJPEG."""
        fps = number_of(request.query_params.get("fps", "10"), "fps", 0.2, 30)
        parts = self._parts
        annotated, width = _view(request)
        made = mjpeg(parts.live, self._bell, self._encoder, fps, width, annotated, parts.clock)
        return self._viewed(self._streams, made, MJPEG)

    async def snapshot(self, request: Request) -> Response:
        """Return the newest image."""
        annotated, width = _view(request)
        return jpeg_answer((await self._encoder.jpeg(self._newest(), annotated, width))[1])

    async def predict(self, request: Request) -> Response:
        """Run the model on an image."""
        data = await body(request, MAX_IMAGE_BYTES)
        if not self._predictions.take():
            raise Problem(429, self._predictions.refusal, {"Retry-After": "1"})
        try:
            loop = asyncio.get_running_loop()
            return json_answer(await loop.run_in_executor(self._predictor, self._predict, data))
        finally:
            self._predictions.free()

    async def collect(self, request: Request) -> Response:
        """Save the newest frame, or that of an event, under a class."""
        given = await fields(request, **{"class": (str,), "event": (int,)})
        name = required(given, "class")
        if "event" in given:
            data = await self._apart(self._event_image, given["event"])
        else:
            data = await self._apart(self._newest().shared.jpeg)
        path, undo = await self._apart(self._parts.collected.save, name, data)
        return JSONResponse({"path": path, "undo": undo}, 201)

    async def collected(self, request: Request) -> Response:
        """List the collected images of a class, newest first."""
        name = request.query_params.get("class")
        if name is None:
            return json_answer({"counts": await self._apart(self._parts.collected.counts)})
        page = int(number_of(request.query_params.get("page", "1"), "page", 1, 10**6))
        found, total = await self._apart(self._parts.collected.page, name, page)
        images = [_listed(one) for one in found]
        return json_answer(
            {"class": name, "page": page, "pages": max(1, -(-total // PAGE)), "total": total, "images": images}
        )

    async def collected_image(self, request: Request) -> Response:
        """Return a collected image as JPEG, no wider than asked for."""
        image = required(dict(request.query_params), "path")
        width = int(number_of(request.query_params.get("width", "320"), "width", 16, WIDTHS[-1]))
        return jpeg_answer(await self._apart(self._thumbnail, image, width_step(width)))

    async def collected_zip(self, _: Request) -> Response:
        """Return all collected images, for ``edgevision train``."""
        answer = self._viewed(self._zips, _unblocked(self._parts.collected.zipped(), self._pool), "application/zip")
        answer.headers["content-disposition"] = 'attachment; filename="collected.zip"'
        return answer

    async def move(self, request: Request) -> Response:
        """Move a collected image to another class."""
        given = await fields(request, **{"path": (str,), "class": (str,)})
        moved = self._apart(self._parts.collected.move, required(given, "path"), required(given, "class"))
        path, undo = await moved
        return json_answer({"path": path, "undo": undo})

    async def discard(self, request: Request) -> Response:
        """Discard a collected image."""
        path = required(await fields(request, path=(str,)), "path")
        return json_answer({"undo": await self._apart(self._parts.collected.discard, path)})

    async def undo(self, request: Request) -> Response:
        """Undo saving, moving or discarding an image."""
        number = required(await fields(request, undo=(str,)), "undo")
        return json_answer({"path": await self._apart(self._parts.collected.undo, number)})

    async def lesson(self, _: Request) -> Response:
        """Return the progress of teaching."""
        return json_answer(await self._apart(self._parts.lessons.to_json))

    async def teach(self, request: Request) -> Response:
        """Start to teach a class."""
        given = await fields(request, **{"class": (str,), "from": (str,), "count": (int,)})
        source = given.get("from", "live")
        if source not in ("live", "collected"):
            raise Problem(400, "from must be live or collected")
        count = given.get("count", 10)
        if not 1 <= count <= 100:
            raise Problem(400, "count must be 1 to 100")
        await self._apart(self._parts.lessons.start, required(given, "class"), source, count)
        return JSONResponse(await self._apart(self._parts.lessons.to_json), 202)

    async def forget(self, request: Request) -> Response:
        """Forget a taught class."""
        name = required(await fields(request, **{"class": (str,)}), "class")
        await self._apart(self._parts.lessons.forget, name)
        return json_answer(await self._apart(self._parts.lessons.to_json))

    async def change_settings(self, request: Request) -> Response:
        """Change settings of the running loop."""
        none = type(None)
        kinds = {"threshold": (int, float, none), "smooth": (int,), "roi": (list, none), "paused": (bool,)}
        given = await fields(request, **kinds, count_lines=(list,), zones=(list,))
        change_settings(self._parts, given)
        return json_answer(status.settings(self._parts))

    async def save_settings(self, _: Request) -> Response:
        """Save threshold, smoothing, region, lines and zones in the configuration file of the run."""
        save, control = self._parts.save_settings, self._parts.control
        if save is None:
            raise Problem(409, "this run has no configuration file; start it with: edgevision run --config FILE.toml")
        chosen: dict[str, Any] = {"threshold": control.threshold, "smooth": control.smooth, "roi": control.roi}
        if self._parts.counts is not None:
            chosen |= {"count_lines": control.shapes.lines or None, "zones": control.shapes.zones or None}
        return json_answer({"path": str(await self._apart(save, chosen))})

    def _newest(self) -> Any:
        if self._parts.live.newest is None:
            raise Problem(503, "there is no image yet", {"Retry-After": "1"})
        return self._parts.live.newest

    def _event_image(self, event: float) -> bytes:
        data = self._parts.live.image_of(int(event))
        if data is None:
            raise Problem(404, "there is no image of this event, or none any more")
        return data

    def _predict(self, data: bytes) -> dict[str, Any]:
        found = sniff(data)
        if found.width * found.height > MAX_IMAGE_PIXELS or found.decoded_bytes > MAX_IMAGE_PIXELS * BYTES_PER_PIXEL:
            raise Problem(413, f"the image must have at most {MAX_IMAGE_PIXELS} pixels")
        frame = decode(data, "the image")
        prediction = self._parts.model.predict(frame, threshold=self._parts.control.threshold)
        return frame_record(frame, prediction, 0, self._parts.clock)

    def _thumbnail(self, image: str, width: int) -> bytes:
        from .encoder import thumbnail

        return thumbnail(decode(self._parts.collected.read(image), image), width)

    async def _status(self) -> dict[str, Any]:
        return await self._apart(status.short_status, self._parts)

    async def _apart(self, call: Callable[..., T], *args: Any) -> T:
        """Call what may block on another thread."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, call, *args)

    def _viewed(
        self, places: Places, content: Any, kind: str, end: Callable[[], None] = lambda: None
    ) -> StreamingResponse:
        """Return a long response, counted among ``places``; ``end`` is called when it ended in whatever way."""
        if not places.take():
            raise Problem(503, places.refusal, {"Retry-After": "10"})
        return _Viewed(content, kind, places, end)


class _Viewed(StreamingResponse):
    """A stream that frees its place when it ends in whatever way."""

    def __init__(self, content: Any, kind: str, places: Places, end: Callable[[], None]) -> None:
        super().__init__(content, media_type=kind)
        self._places, self._end = places, end

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Send the stream."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._places.free()
            self._end()


def change_settings(parts: Parts, given: dict[str, Any]) -> None:
    """Apply validated changes, all or none. Raises Problem."""
    control = parts.control
    shapes = _shapes(parts, given)
    before = control.threshold, control.smooth, control.roi, control.paused
    try:
        if "threshold" in given:
            control.set_threshold(given["threshold"])
        if "smooth" in given:
            control.set_smooth(given["smooth"])
        if "roi" in given:
            control.set_roi(_roi(given["roi"]))
        control.paused = given.get("paused", control.paused)
        control.shapes = shapes
    except ValueError as error:
        control.set_threshold(before[0])
        _, control.smooth, control.roi, control.paused = before
        raise Problem(400, str(error)) from None


def _shapes(parts: Parts, given: dict[str, Any]) -> Shapes:
    """Return the lines and zones after a change. Raises Problem."""
    shapes = parts.control.shapes
    if not given.keys() & {"count_lines", "zones"}:
        return shapes
    if parts.counts is None:
        raise Problem(400, "lines and zones need a detector; this model finds no objects")
    try:
        lines = [parse_line(one) for one in given["count_lines"]] if "count_lines" in given else shapes.lines
        zones = [parse_zone(one) for one in given["zones"]] if "zones" in given else shapes.zones
        return all_named(lines, zones)
    except BadInput as error:
        raise Problem(400, str(error)) from None


def _roi(value: list[Any] | None) -> tuple[float, float, float, float] | None:
    if value is None:
        return None
    if len(value) != 4 or any(type(one) not in (int, float) for one in value):
        raise Problem(400, "roi must be null or a list of four numbers: x, y, width, height, each 0 to 1")
    x, y, width, height = map(float, value)
    return x, y, width, height


def _view(request: Request) -> tuple[bool, int]:
    """Return whether to draw results, and the width."""
    annotated = request.query_params.get("annotated", "1")
    if annotated not in ("0", "1"):
        raise Problem(400, "annotated must be 0 or 1")
    width = number_of(request.query_params.get("width", "960"), "width", 16, WIDTHS[-1])
    return annotated == "1", width_step(int(width))


def _listed(one: CollectedImage) -> dict[str, Any]:
    """Return a collected image with the addresses of its image."""
    image = f"/api/collected/image?path={quote(one.id)}"
    name = one.id.partition("/")[2]
    where = {"thumbnail": f"{image}&width=320", "image": f"{image}&width=1920"}
    return {"path": one.id, "name": name, "time": rfc3339(one.time_s), **where}


async def _unblocked(chunks: Any, pool: ThreadPoolExecutor) -> Any:
    """Yield what an iterator yields on another thread."""
    loop = asyncio.get_running_loop()
    while (chunk := await loop.run_in_executor(pool, next, chunks, None)) is not None:
        if chunk:
            yield chunk
