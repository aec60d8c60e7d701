"""Serves an exported app from this machine, to try it on a phone in the same network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgevision.errors import MissingDependency
from edgevision.files.state_folder import state_folder

from ...page import address as addresses
from ...page import opened, tls
from ...page.opened import PageOptions, link
from ...page.qr_code import qr_lines
from ...page.server import PageServer

if TYPE_CHECKING:
    from starlette.types import ASGIApp

NO_CAMERA = (
    "phones open the camera of a page only over https: add --page-tls auto, and accept the certificate on the phone; "
    "over http, the page takes photos instead"
)
NO_OFFLINE = (
    "a certificate that the phone does not trust is enough for the camera, but not to keep the app offline; for that, copy the "
    "folder to any web host with https"
)


def require_libraries() -> None:
    """Raise MissingDependency if a library of the server is not installed."""
    try:
        opened.require_libraries()
    except MissingDependency as error:
        raise MissingDependency(str(error).replace("--page:", "--serve:")) from None


class AppServer:
    """A running server, until ``close``."""

    def __init__(self, folder: Path, options: PageOptions) -> None:
        """Start it. Raises EdgeVisionError."""
        state = state_folder(options.state)
        pem = None if options.tls is None else tls.certificate(options.tls, options.address, state)
        listening = addresses.listen(options.address)
        self._options, self._port = options, int(listening.getsockname()[1])
        self._server = PageServer(listening, lambda _loop: _application(folder), pem)

    @property
    def problem(self) -> str | None:
        """Why the server ended; None while it runs."""
        return self._server.problem

    def lines(self) -> list[str]:
        """Return what to show: the address, its QR code if others can open it, and what does not work there."""
        url = link(self._options, self._port)
        if self._options.address.is_loopback:
            return [f"app: {url} (for this machine only; for a phone: --page 0.0.0.0:{self._port} --page-tls auto)"]
        return [f"app: {url}", *qr_lines(url), f"note: {NO_CAMERA if self._options.tls is None else NO_OFFLINE}"]

    def close(self) -> None:
        """End it."""
        self._server.close()


def _application(folder: Path) -> ASGIApp:
    from starlette.applications import Starlette
    from starlette.routing import Mount
    from starlette.staticfiles import StaticFiles

    class Files(StaticFiles):
        """The files of the app, which browsers ask for again after each export."""

        def file_response(self, *args: Any, **more: Any) -> Any:
            response = super().file_response(*args, **more)
            response.headers["cache-control"] = "no-cache"
            response.headers["x-content-type-options"] = "nosniff"
            return response

    return Starlette(routes=[Mount("/", Files(directory=folder, html=True))])
