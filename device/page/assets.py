"""The page's own files: the only ones that the server gives out."""

from __future__ import annotations

from functools import cache
from importlib import resources
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from .problems import Problem

if TYPE_CHECKING:
    from starlette.responses import Response

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webmanifest": "application/manifest+json",
}


@cache
def files(package: str = __package__) -> dict[str, bytes]:
    """Return name -> content of all files of the page of a package."""
    folder = resources.files(package) / "assets"
    if not folder.is_dir():
        return {}
    found = (one for one in folder.iterdir() if PurePosixPath(one.name).suffix in TYPES)
    return {one.name: one.read_bytes() for one in found}


def response(name: str, package: str = __package__) -> Response:
    """Return the response with a file of the page of a package. Raises Problem."""
    from starlette.responses import Response

    data = files(package).get(name)
    if data is None:
        raise Problem(404, "there is no such file")
    return Response(data, media_type=TYPES[PurePosixPath(name).suffix], headers={"Cache-Control": "no-cache"})
