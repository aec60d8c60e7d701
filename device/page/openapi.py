"""The routes of the page's API, and their description as an OpenAPI 3.1 document."""

from __future__ import annotations

from functools import cache
from typing import Any

from edgevision import __version__

Json = dict[str, Any]

ROUTES = (
    # method, path, handler of ``app.Page``
    ("GET", "/", "index"),
    ("GET", "/assets/{name}", "asset"),
    ("GET", "/manifest.webmanifest", "manifest"),
    ("GET", "/healthz", "health"),
    ("GET", "/metrics", "metrics"),
    ("POST", "/login", "login"),
    ("POST", "/logout", "logout"),
    ("GET", "/api/openapi.json", "openapi"),
    ("GET", "/api/status", "status"),
    ("GET", "/api/events", "events"),
    ("GET", "/api/events/{id}.jpg", "event_image"),
    ("GET", "/api/clips", "clips"),
    ("GET", "/api/clips/{id}", "clip"),
    ("GET", "/api/stream", "stream"),
    ("GET", "/api/snapshot.jpg", "snapshot"),
    ("POST", "/api/predict", "predict"),
    ("POST", "/api/collect", "collect"),
    ("POST", "/api/collect/move", "move"),
    ("POST", "/api/collect/discard", "discard"),
    ("POST", "/api/collect/undo", "undo"),
    ("GET", "/api/collected", "collected"),
    ("GET", "/api/collected/image", "collected_image"),
    ("GET", "/api/collected.zip", "collected_zip"),
    ("GET", "/api/teach", "lesson"),
    ("POST", "/api/teach", "teach"),
    ("POST", "/api/teach/forget", "forget"),
    ("PATCH", "/api/settings", "change_settings"),
    ("POST", "/api/settings/save", "save_settings"),
)


def _object(required: str = "", **properties: Json) -> Json:
    """Return the schema of an object; ``required``: names, or ``*`` for all."""
    names = list(properties) if required == "*" else required.split()
    return {"type": "object", "properties": properties, "required": names}


def _closed(required: str = "", **properties: Json) -> Json:
    return {**_object(required, **properties), "additionalProperties": False}


def _or_null(kind: str, **more: Any) -> Json:
    return {"type": [kind, "null"], **more}


def _list(items: Json, **more: Any) -> Json:
    return {"type": "array", "items": items, **more}


TEXT: Json = {"type": "string"}
NUMBER: Json = {"type": "number"}
COUNT: Json = {"type": "integer", "minimum": 0}
FLAG: Json = {"type": "boolean"}
ANY_OBJECT: Json = {"type": "object"}
CLASS: Json = {
    "type": "string",
    "minLength": 1,
    "maxLength": 100,
    "description": "Name of a class, which becomes a folder.",
}
IMAGE: Json = {"type": "string", "description": "A collected image: CLASS/FILE."}
UNDO: Json = {"type": "string", "description": "Identifies a change for /api/collect/undo."}
ROI: Json = {
    "type": ["array", "null"],
    "items": {"type": "number", "minimum": 0, "maximum": 1},
    "minItems": 4,
    "maxItems": 4,
    "description": "x, y, width, height of the region, each 0 to 1; null: the whole image.",
}
COUNTS: Json = {"type": "object", "additionalProperties": COUNT, "description": "Images of each class."}
LINES: Json = {
    "type": "array",
    "items": {"type": "string", "maxLength": 200},
    "maxItems": 32,
    "description": "Counting lines: x0,y0,x1,y1,name, each number 0 to 1. Forward is to the right, seen from the start.",
}
ZONES: Json = {
    "type": "array",
    "items": {"type": "string", "maxLength": 1000},
    "maxItems": 32,
    "description": "Zones: x,y,x,y,x,y,name, each number 0 to 1.",
}
SETTINGS = _object(
    "*",
    threshold=_or_null("number"),
    smooth=_or_null("integer"),
    roi=ROI,
    paused=FLAG,
    count_lines=LINES,
    zones=ZONES,
)
MODEL = _object(
    "*",
    name=TEXT,
    task=TEXT,
    labels=_list(TEXT),
    threshold=_or_null("number"),
    sha256=TEXT,
    self_test=_or_null("object"),
)
STATUS = _object(
    "*",
    schema={"const": "edgevision.page_status/1"},
    time=TEXT,
    status={**ANY_OBJECT, "description": "Counts, latencies and machine, as in edgevision.status/1."},
    settings=SETTINGS,
    paused=FLAG,
    camera_connected=FLAG,
    outputs=_list(ANY_OBJECT),
    collect=COUNTS,
    newest_clip=_or_null("string", description="Changes with every clip that is written; null: none yet."),
    counts={
        "type": "object",
        "additionalProperties": _object("*", forward=COUNT, backward=COUNT),
        "description": "What crossed each line, in all runs.",
    },
    zones={"type": "object", "additionalProperties": COUNT, "description": "Number of objects in each zone."},
    name=TEXT,
    source=TEXT,
    role={"enum": ["admin", "viewer"]},
    settings_file=_or_null("string"),
    model=MODEL,
    history=_list(
        _object(
            "*", time=TEXT, rate_fps=_or_null("number"), temperature_c=_or_null("number"), memory_mb=_or_null("number")
        )
    ),
)
LESSON = _object(
    "*",
    available=FLAG,
    running=FLAG,
    state={"enum": ["idle", "running", "done", "failed"]},
    frames=COUNT,
    wanted=COUNT,
    notes=_list(TEXT),
    error=_or_null("string"),
    classes=_list(_object("*", name=TEXT, frames=COUNT)),
    **{"class": _or_null("string")},
)
LESSON_FRAMES: Json = {"type": "integer", "minimum": 1, "maximum": 100}
SAVED = _object("*", path=IMAGE, undo=UNDO)
LISTED = _object("*", path=IMAGE, name=TEXT, time=TEXT, thumbnail=TEXT, image=TEXT)
CLIP = _object(
    "*",
    id=TEXT,
    url={**TEXT, "description": "Address of the clip on this server."},
    time={**TEXT, "description": "Time of the first frame, RFC 3339 in UTC."},
    label=TEXT,
    score=NUMBER,
    seconds={"type": "number", "minimum": 0},
    bytes=COUNT,
    events=_list(_object("*", id=COUNT, time=TEXT), maxItems=100, description="Events of /api/events that it shows."),
)
PROBLEM = _object("*", type=TEXT, title=TEXT, status={"type": "integer"}, detail=TEXT)
ANNOTATED = ("annotated", {"enum": ["0", "1"]}, "Whether to draw boxes, masks and labels.")
WIDTH = (
    "width",
    {"type": "integer", "minimum": 16, "maximum": 1920},
    "Largest width in pixels; rounded up to one of a few.",
)


def _parameter(name: str, schema: Json, description: str, where: str = "query", required: bool = False) -> Json:
    return {"name": name, "in": where, "schema": schema, "description": description, "required": required}


def _answer(description: str, schema: Json | None = None, kind: str = "application/json") -> Json:
    if schema is None:
        return {"description": description}
    return {"description": description, "content": {kind: {"schema": schema}}}


def _body(schema: Json) -> Json:
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _operation(summary: str, answer: Json, problems: str = "", status: str = "200", **more: Any) -> Json:
    """Return one operation; ``problems``: further error statuses."""
    errors = {code: {"$ref": "#/components/responses/Problem"} for code in ("400", "401", "403", *problems.split())}
    return {"summary": summary, "responses": {status: answer, **errors}, **more}


WEBM = "video/webm"
BINARY: Json = {}
JPEG = _answer("A JPEG.", BINARY, "image/jpeg")
OPEN: Json = {"security": []}


def _with_part(operation: Json) -> Json:
    """Return an operation that also answers with a part."""
    part = _answer("The part asked for.", BINARY, WEBM)
    return {**operation, "responses": {**operation["responses"], "206": part}}


def _operations() -> dict[str, dict[str, Json]]:
    """Return path -> method -> operation."""
    name = _parameter("name", TEXT, "Name of a file.", "path", required=True)
    event = _parameter("id", {"type": "integer", "minimum": 1}, "Number of the event.", "path", required=True)
    last = _parameter("Last-Event-ID", COUNT, "Number of the last event already received.", "header")
    clip = _parameter("id", TEXT, "Id of the clip.", "path", required=True)
    part = _parameter("Range", TEXT, "One range of bytes; other forms are ignored.", "header")
    fps = _parameter("fps", {"type": "number", "minimum": 0.2, "maximum": 30}, "Images per second, at most.")
    annotated, width = _parameter(*ANNOTATED), _parameter(*WIDTH)
    which = _parameter("class", TEXT, "Class; without it, the answer is the numbers of all.")
    page = _parameter("page", {"type": "integer", "minimum": 1, "maximum": 10**6}, "Page, from 1.")
    path = _parameter("path", IMAGE, "The image.", required=True)
    change = "404 408 413 415 503"
    image = {"required": True, "content": {"image/jpeg": {"schema": {}}, "image/png": {"schema": {}}}}
    listed = _object("", counts=COUNTS, page=COUNT, pages=COUNT, total=COUNT, images=_list(LISTED), **{"class": TEXT})
    taught = _closed(
        "class",
        **{
            "class": CLASS,
            "from": {"enum": ["live", "collected"]},
            "count": LESSON_FRAMES,
        },
    )
    wished = _closed(
        threshold=_or_null("number", minimum=0, maximum=1),
        smooth={"type": "integer", "minimum": 1, "maximum": 1000},
        roi=ROI,
        paused=FLAG,
        count_lines=LINES,
        zones=ZONES,
    )
    html = _answer("The page.", TEXT, "text/html")
    health = _object("*", ok=FLAG, frame_age_s=_or_null("number"))
    role = _object("*", role={"enum": ["admin", "viewer"]})
    return {
        "/": {"get": _operation("Page", html, **OPEN)},
        "/assets/{name}": {
            "get": _operation("File of the page", _answer("The file."), "404", parameters=[name], **OPEN)
        },
        "/manifest.webmanifest": {
            "get": _operation("Description of the installable app", _answer("The file."), **OPEN)
        },
        "/healthz": {
            "get": {
                "summary": "Health of the loop",
                "responses": {
                    "200": _answer("The loop works.", health),
                    "503": _answer("No frame yet, or for 30 s.", health),
                    "403": {"$ref": "#/components/responses/Problem"},
                },
                **OPEN,
            }
        },
        "/metrics": {"get": _operation("Metrics for Prometheus", _answer("The metrics.", BINARY, "text/plain"), "404")},
        "/login": {
            "post": _operation(
                "Exchange a token for a cookie",
                _answer("Logged in.", role),
                "408 413 415 429",
                requestBody=_body(_closed("token", token={"type": "string", "maxLength": 2000})),
                **OPEN,
            )
        },
        "/logout": {"post": _operation("Delete the cookie", _answer("Logged out."), status="204")},
        "/api/openapi.json": {"get": _operation("This document", _answer("OpenAPI 3.1.", ANY_OBJECT))},
        "/api/status": {"get": _operation("State of the run", _answer("The state.", STATUS))},
        "/api/events": {
            "get": _operation(
                "Results, events and status as server-sent events: frame (at most 10 a second), event, status (every 2 s)",
                _answer("The stream.", BINARY, "text/event-stream"),
                "503",
                parameters=[last],
            )
        },
        "/api/events/{id}.jpg": {"get": _operation("Image of an event", JPEG, "404", parameters=[event])},
        "/api/clips": {
            "get": _operation(
                "Clips that the clips outputs of this run wrote, the newest 200 of each",
                _answer("Newest first.", _object("*", clips=_list(CLIP))),
            )
        },
        "/api/clips/{id}": {
            "get": _with_part(
                _operation("A clip", _answer("The clip.", BINARY, WEBM), "404 416 503", parameters=[clip, part])
            )
        },
        "/api/stream": {
            "get": _operation(
                "The image as MJPEG",
                _answer("The stream.", BINARY, "multipart/x-mixed-replace"),
                "503",
                parameters=[fps, width, annotated],
            )
        },
        "/api/snapshot.jpg": {"get": _operation("The newest image", JPEG, "503", parameters=[width, annotated])},
        "/api/predict": {
            "post": _operation(
                "Run the model on an image: JPEG, PNG, WebP, BMP or TIFF of at most 20 MB and 25 million pixels",
                _answer("The result, as edgevision run --json prints it.", ANY_OBJECT),
                "408 413 429 503",
                requestBody=image,
            )
        },
        "/api/collect": {
            "post": _operation(
                "Save the newest frame, or that of an event, under a class",
                _answer("Saved.", SAVED),
                change,
                status="201",
                requestBody=_body(_closed("class", **{"class": CLASS, "event": {"type": "integer", "minimum": 1}})),
            )
        },
        "/api/collect/move": {
            "post": _operation(
                "Move an image to another class",
                _answer("Moved.", SAVED),
                change,
                requestBody=_body(_closed("path class", path=IMAGE, **{"class": CLASS})),
            )
        },
        "/api/collect/discard": {
            "post": _operation(
                "Discard an image",
                _answer("Discarded.", _object("*", undo=UNDO)),
                change,
                requestBody=_body(_closed("path", path=IMAGE)),
            )
        },
        "/api/collect/undo": {
            "post": _operation(
                "Undo saving, moving or discarding",
                _answer("Undone; path is null if the image is gone.", _object("*", path=_or_null("string"))),
                change,
                requestBody=_body(_closed("undo", undo=UNDO)),
            )
        },
        "/api/collected": {
            "get": _operation("Collected images", _answer("Newest first.", listed), "404", parameters=[which, page])
        },
        "/api/collected/image": {"get": _operation("A collected image", JPEG, "404", parameters=[path, width])},
        "/api/collected.zip": {
            "get": _operation(
                "All collected images, for edgevision train", _answer("A zip.", BINARY, "application/zip"), "503"
            )
        },
        "/api/teach": {
            "get": _operation("Progress of teaching", _answer("The last lesson.", LESSON)),
            "post": _operation(
                "Teach a class", _answer("Started.", LESSON), change, status="202", requestBody=_body(taught)
            ),
        },
        "/api/teach/forget": {
            "post": _operation(
                "Forget a taught class",
                _answer("Forgotten.", LESSON),
                change,
                requestBody=_body(_closed("class", **{"class": CLASS})),
            )
        },
        "/api/settings": {
            "patch": _operation(
                "Change settings of the running loop",
                _answer("The settings now.", SETTINGS),
                "408 413 415",
                requestBody=_body(wished),
            )
        },
        "/api/settings/save": {
            "post": _operation(
                "Save threshold, smoothing, region, lines and zones in the configuration file of the run",
                _answer("Saved.", _object("*", path=TEXT)),
                "409 503",
            )
        },
    }


@cache
def document() -> Json:
    """Return the OpenAPI document."""
    problem = _answer("What is wrong.", {"$ref": "#/components/schemas/Problem"}, "application/problem+json")
    return {
        "openapi": "3.1.0",
        "info": {"title": "edgevision live page", "version": __version__},
        "paths": _operations(),
        "security": [{"token": []}, {"session": []}],
        "components": {
            "schemas": {"Problem": PROBLEM},
            "responses": {"Problem": problem},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": "edgevision_session"},
            },
        },
    }
