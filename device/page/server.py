"""The web server of a page, on a thread of its own."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

from edgevision.log import Log

if TYPE_CHECKING:
    import uvicorn
    from starlette.types import ASGIApp

    Build = Callable[[asyncio.AbstractEventLoop], ASGIApp]
    """Makes the application, on the server's thread."""

log = Log("edgevision.page")
CONNECTIONS = 120
"""Connections and running requests; more get 503."""
HEAD_S = 15.0
"""Seconds in which the head of a request has to arrive."""
CLOSE_S = 1.5


class PageServer:
    """Serves until ``close``; a failure ends only the page."""

    def __init__(self, listening: socket.socket, build: Build, certificate: Path | None) -> None:
        self.problem: str | None = None
        """Why the server ended; None while it runs."""
        self._listening, self._build, self._certificate = listening, build, certificate
        self._server: uvicorn.Server | None = None
        self._closing = False
        self._thread = Thread(target=self._run, name="page", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End all connections and the thread."""
        self._closing = True
        if self._server is not None:
            self._server.should_exit = True
        self._thread.join(CLOSE_S)
        self._listening.close()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception as error:
            if not self._closing:
                self.problem = f"{type(error).__name__}: {error}"
                log.warning("the page ended: %s", self.problem)

    async def _serve(self) -> None:
        import uvicorn

        _silence()
        pem = None if self._certificate is None else str(self._certificate)
        config = uvicorn.Config(
            self._build(asyncio.get_running_loop()),
            http=_protocol(),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=CONNECTIONS,
            timeout_keep_alive=10,
            timeout_graceful_shutdown=1,
            ssl_certfile=pem,
            ssl_keyfile=pem,
        )
        self._server = uvicorn.Server(config)
        if not self._closing:
            await self._server.serve(sockets=[self._listening])


def _silence() -> None:
    """Keep uvicorn's reports out of the log: it writes a line for each malformed request."""
    import logging

    logger = logging.getLogger("uvicorn")
    logger.propagate = False
    logger.handlers = [logging.NullHandler()]


def _protocol() -> Any:
    """Return uvicorn's HTTP protocol with a time limit for the head of a request."""
    from uvicorn.protocols.http.h11_impl import H11Protocol

    class LimitedProtocol(H11Protocol):
        """Ends connections that send the head of a request too slowly, or never."""

        _timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            """Start the time limit."""
            super().connection_made(transport)
            self._wait_for_head()

        def connection_lost(self, exc: Exception | None) -> None:
            """Stop the time limit."""
            self._stop()
            super().connection_lost(exc)

        def on_response_complete(self) -> None:
            """Start the time limit for the next request."""
            super().on_response_complete()
            self._wait_for_head()

        def _wait_for_head(self) -> None:
            self._stop()
            self._timer = self.loop.call_later(HEAD_S, self._check, self.cycle)

        def _check(self, before: Any) -> None:
            if self.cycle is before and not self.transport.is_closing():
                self.transport.abort()

        def _stop(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    return LimitedProtocol
