"""Serves the labeling page on its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgevision.files.state_folder import state_folder

from ..page import address as addresses
from ..page import tls
from ..page.access import Access
from ..page.opened import PageOptions, tokens_of
from ..page.server import PageServer
from .app import make_app
from .opening import Opened
from .service import LabelService

if TYPE_CHECKING:
    import asyncio

    from starlette.types import ASGIApp


class LabelServer:
    """A running page. It ends with ``close``."""

    def __init__(self, options: PageOptions, opened: Opened) -> None:
        """Raises EdgeVisionError."""
        state = state_folder(options.state)
        pem = None if options.tls is None else tls.certificate(options.tls, options.address, state)
        access = Access(options.address, tokens_of(options), options.tls is not None)
        self.service = LabelService(lambda: opened)

        def build(_: asyncio.AbstractEventLoop) -> ASGIApp:
            return make_app(self.service, access)

        listening = addresses.listen(options.address)
        self.port: int = listening.getsockname()[1]
        """TCP port that it listens on."""
        self._server = PageServer(listening, build, pem)
        self.service.status()  # starts the search for near-duplicates

    @property
    def problem(self) -> str | None:
        """Why the server ended; None while it runs."""
        return self._server.problem

    def close(self) -> None:
        """End the page and let other programs label the folder."""
        self._server.close()
        self.service.close()
