"""A small HTTP server that answers GET for a fixed set of paths; everything about a request is bounded."""

from __future__ import annotations

import errno
import ipaddress
import re
import socket
import socketserver
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from threading import BoundedSemaphore, Thread

from edgevision.errors import CannotWrite
from edgevision.log import Log

log = Log("edgevision.outputs")
MAX_REQUEST = 8192
"""Largest head of a request, in bytes."""
MAX_CONNECTIONS = 8
DEADLINE_S = 5.0
"""Seconds from the connection to the end of the answer."""
PLAIN = "text/plain; charset=utf-8"
_LINE = re.compile(rb"([A-Z]{1,16}) (\S{1,2000}) HTTP/1\.[01]")
_HOST = re.compile(rb"(?im)^host:[ \t]*([^\r\n]*?)[ \t]*\r?$")

Page = tuple[str, Callable[[], bytes]]
"""Content type, and what makes the body."""


class TextServer:
    """Serves pages on threads of its own until it is closed."""

    def __init__(self, host: str, port: int, pages: Mapping[str, Page]) -> None:
        """Bind the address. ``pages``: path -> page. Raises CannotWrite."""
        self._pages = pages
        self._local_names = _local_names(host)
        self._room = BoundedSemaphore(MAX_CONNECTIONS)
        try:
            self._server = _server(host, port, self._answer)
        except OSError as error:
            raise CannotWrite(_reason(host, port, error)) from None
        self._thread = Thread(target=self._server.serve_forever, args=(0.2,), name="metrics server", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """The port that was bound."""
        return int(self._server.server_address[1])

    @property
    def running(self) -> bool:
        """Whether connections are accepted."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Stop accepting connections and free the port."""
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, connection: socket.socket) -> None:
        """Answer one request on a thread of its own."""
        if not self._room.acquire(blocking=False):
            return
        try:
            self._exchange(connection, time.monotonic() + DEADLINE_S)
        except OSError as error:  # the other side went away, or was too slow
            log.debug("a request for metrics failed: %s", error)
        except Exception as error:
            log.debug("a request for metrics failed: %s: %s", type(error).__name__, error)
        finally:
            self._room.release()

    def _exchange(self, connection: socket.socket, deadline: float) -> None:
        head = _read_head(connection, deadline)
        if head is None:
            return
        status, kind, body = self._respond(head)
        lines = [
            f"HTTP/1.1 {status.value} {status.phrase}",
            f"Content-Type: {kind}",
            f"Content-Length: {len(body)}",
            "Connection: close",
            "Cache-Control: no-store",
            "X-Content-Type-Options: nosniff",
            *(["Allow: GET, HEAD"] if status is HTTPStatus.METHOD_NOT_ALLOWED else []),
        ]
        connection.settimeout(max(0.1, deadline - time.monotonic()))
        head_only = head.startswith(b"HEAD ")
        connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + (b"" if head_only else body))
        with suppress(OSError):
            connection.shutdown(socket.SHUT_WR)

    def _respond(self, head: bytes) -> tuple[HTTPStatus, str, bytes]:
        """Return status, content type and body."""
        line = _LINE.fullmatch(head.partition(b"\r\n")[0])
        if line is None:
            return _error(HTTPStatus.BAD_REQUEST)
        if not self._trusts_host(head):
            return _error(HTTPStatus.MISDIRECTED_REQUEST)
        if line[1] not in (b"GET", b"HEAD"):
            return _error(HTTPStatus.METHOD_NOT_ALLOWED)
        page = self._pages.get(line[2].partition(b"?")[0].decode("latin-1"))
        if page is None:
            return _error(HTTPStatus.NOT_FOUND)
        try:
            return HTTPStatus.OK, page[0], page[1]()
        except Exception as error:
            log.info("metrics could not be collected: %s: %s", type(error).__name__, error)
            return _error(HTTPStatus.INTERNAL_SERVER_ERROR)

    def _trusts_host(self, head: bytes) -> bool:
        """Return whether a request to a loopback address names one, so that no web page gets in by DNS rebinding."""
        if self._local_names is None:
            return True
        hosts: list[bytes] = _HOST.findall(head)
        return len(hosts) == 1 and _name(hosts[0].decode("latin-1")) in self._local_names


def is_loopback(host: str) -> bool:
    """Return whether an address or name is reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _local_names(host: str) -> frozenset[str] | None:
    """Return the names that a request may give as its host; None: any."""
    return frozenset({"localhost", "127.0.0.1", "::1", host}) if is_loopback(host) else None


def _name(host: str) -> str:
    """Return a Host header without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


def _error(status: HTTPStatus) -> tuple[HTTPStatus, str, bytes]:
    return status, PLAIN, f"{status.value} {status.phrase}\n".encode()


def _read_head(connection: socket.socket, deadline: float) -> bytes | None:
    """Return a request up to its empty line; None if it does not arrive. Raises OSError."""
    data = b""
    while b"\r\n\r\n" not in data:
        left = deadline - time.monotonic()
        if left <= 0 or len(data) > MAX_REQUEST:
            return None
        connection.settimeout(left)
        more = connection.recv(4096)
        if not more:
            return None
        data += more
    return data.partition(b"\r\n\r\n")[0] + b"\r\n"


def _server(host: str, port: int, answer: Callable[[socket.socket], None]) -> socketserver.TCPServer:
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]

    class Handler(socketserver.BaseRequestHandler):
        """Passes a connection on."""

        def handle(self) -> None:
            answer(self.request)

    class Server(socketserver.ThreadingTCPServer):
        """One thread per connection; ``answer`` bounds how many do anything."""

        address_family = family
        allow_reuse_address = True  # after a restart; Linux still refuses a port on which a program listens
        daemon_threads = True
        block_on_close = False

        def server_bind(self) -> None:
            if family == socket.AF_INET6:
                self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            super().server_bind()

        def handle_error(self, request: object, client_address: object) -> None:
            log.debug("a connection for metrics failed")

    return Server((str(address[0]), int(address[1])), Handler)


def _reason(host: str, port: int, error: OSError) -> str:
    where = f"port {port} of {host}"
    if error.errno == errno.EADDRINUSE:
        return f"{where} is used by another program; choose another port"
    if error.errno == errno.EACCES:
        return f"{where} is reserved for root; choose a port from 1024 on"
    return f"cannot listen on {where}: {error.strerror or error}"
