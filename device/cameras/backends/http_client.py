"""HTTP(S) requests to cameras: one deadline, verified certificates, redirects that take no password elsewhere."""

from __future__ import annotations

import string
from collections.abc import Callable
from http.client import BadStatusLine, HTTPException, HTTPResponse, RemoteDisconnected
from time import monotonic
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urljoin, urlsplit

from edgevision.errors import CameraError
from edgevision.files.url_secrets import masked
from edgevision.log import Log
from edgevision.records import record
from edgevision.reporting.terminal import printable

from .http_auth import Login
from .timed_socket import TimedSocket

if TYPE_CHECKING:
    import ssl

log = Log("edgevision.cameras")
MAX_REDIRECTS = 5
MAX_LOGINS = 3
"""Refused attempts after which no other follows; cameras lock those out who try too often."""
_PORTS = {"http": 80, "https": 443}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAX_REASON = 80
"""Longest part of a server's own text that is shown (characters)."""


class NotHttp(CameraError):
    """The server does not speak HTTP, perhaps a relative of it such as SHOUTcast's."""


@record
class Address:
    """The parts of an HTTP URL that make a connection and a request."""

    scheme: str
    host: str
    port: int
    target: str
    """Path and query, percent-encoded."""

    @property
    def url(self) -> str:
        """The URL without credentials."""
        return f"{self.scheme}://{self._host}:{self.port}{self.target}"

    @property
    def host_header(self) -> str:
        """Value of the ``Host`` header."""
        return self._host if self.port == _PORTS[self.scheme] else f"{self._host}:{self.port}"

    @property
    def _host(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host


class HttpClient:
    """Fetches one URL, once or again and again; remembers how the server wants to be asked."""

    def __init__(self, url: str, insecure: bool = False) -> None:
        """``url``: with its credentials encoded. ``insecure``: accept any certificate. Raises ValueError on a bad URL."""
        self.shown = masked(url)
        self._address = address_of(url)
        parts = urlsplit(url)
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        self._login = None if parts.username is None else Login(user, password)
        self._insecure = insecure
        self._tls: ssl.SSLContext | None = None

    def get(self, timeout_s: float, watch: Callable[[TimedSocket], None] = lambda _: None) -> Answer:
        """Return an answer of status 200; its body is subject to the same deadline until that is moved.

        ``watch`` gets every connection as soon as it exists, so that another thread can interrupt it. Raises CameraError.
        """
        deadline = monotonic() + timeout_s
        try:
            return self._follow(self._address, deadline, watch)
        except TimeoutError:
            raise self._error(
                f"no answer within {timeout_s:g} s; check the address and that the camera is on"
            ) from None
        except (OSError, HTTPException, ValueError) as error:
            if isinstance(error, CameraError):
                raise
            if isinstance(error, BadStatusLine) and not isinstance(error, RemoteDisconnected):
                raise NotHttp(f"cannot open {self.shown}: its answer is not HTTP") from None
            raise self._error(self._reason(error)) from None

    def _follow(self, address: Address, deadline: float, watch: Callable[[TimedSocket], None]) -> Answer:
        login, seen, logins = self._login, 0, 0
        while True:
            answer = self._request(address, login, deadline, watch)
            if answer.status == 200:
                return answer
            answer.close()
            logins += answer.status == 401
            may_try = answer.status == 401 and logins < MAX_LOGINS
            if may_try and login is not None and login.accept(answer.challenges, logins == 1):
                continue
            if answer.status not in _REDIRECTS or not answer.location:
                raise self._error(_refusal(answer, self._login is not None))
            seen += 1
            if seen > MAX_REDIRECTS:
                raise self._error(
                    f"the server redirects more than {MAX_REDIRECTS} times; give the address of the images"
                )
            there = self._redirected(address, answer.location)
            if login is not None and not _is_same_server(address, there):
                log.info("%s: redirected to another server, which does not get the password", self.shown)
                login = None
            address = there

    def _request(
        self, address: Address, login: Login | None, deadline: float, watch: Callable[[TimedSocket], None]
    ) -> Answer:
        link = TimedSocket(address.host, address.port, deadline, self._context() if address.scheme == "https" else None)
        watch(link)
        try:
            link.sendall(_request_text(address, login))
            response = HTTPResponse(link, method="GET")  # type: ignore[arg-type]  # it only calls makefile
            response.begin()
        except BaseException:
            link.close()
            raise
        return Answer(link, response, address)

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            import ssl

            self._tls = ssl.create_default_context()
            if self._insecure:
                self._tls.check_hostname = False
                self._tls.verify_mode = ssl.CERT_NONE
                self._tls.set_ciphers("DEFAULT:@SECLEVEL=0")  # old cameras have short keys
        return self._tls

    def _redirected(self, address: Address, location: str) -> Address:
        there = urljoin(address.url, location)
        scheme = urlsplit(there).scheme
        if scheme not in _PORTS:
            raise self._error(f"the server redirects to {scheme}:, which is not a camera's address")
        if scheme == "http" and address.scheme == "https":
            raise self._error("the server redirects from https to http, which anyone in the network can read")
        try:
            return address_of(there)
        except ValueError:
            raise self._error("the server redirects to an invalid address") from None

    def _reason(self, error: Exception) -> str:
        import ssl

        if isinstance(error, ssl.SSLCertVerificationError):
            why = error.verify_message.rstrip(".").strip().lower()
            return (
                f"its certificate cannot be verified ({why}); add the certificate's issuer to this machine's trusted ones, "
                "or accept any certificate with --insecure"
            )
        if isinstance(error, ssl.SSLError):
            return f"no encrypted connection ({(error.reason or 'TLS failed').lower().replace('_', ' ')})"
        if isinstance(error, OSError):
            return f"{(error.strerror or 'connection failed').lower()}; check the address and that the camera is on"
        return "its answer is not valid HTTP"

    def _error(self, reason: str) -> CameraError:
        return CameraError(f"cannot open {self.shown}: {reason}")


class Answer:
    """An answer whose body is still to be read."""

    def __init__(self, link: TimedSocket, response: HTTPResponse, address: Address) -> None:
        self.link = link
        self.address = address
        """Where the answer came from, after redirects."""
        self.status: int = response.status
        self.reason = response.reason
        self.kind = (response.getheader("Content-Type") or "").partition(";")[0].strip().lower()
        """Media type, such as ``image/jpeg``; empty if the server gives none."""
        self.location = response.getheader("Location")
        self.challenges = response.headers.get_all("WWW-Authenticate") or []
        self.encoding = (response.getheader("Content-Encoding") or "identity").strip().lower()
        self.length = response.length
        """Length of the body in bytes, if the server gives one."""
        self._response = response

    def peek(self) -> bytes:
        """Return the start of the body without consuming it. Raises OSError, HTTPException, ValueError."""
        return self._response.peek(64)

    def read1(self, count: int) -> bytes:
        """Return at most ``count`` bytes, as soon as some arrived. Raises OSError, HTTPException, ValueError."""
        return self._response.read1(count)

    def close(self) -> None:
        """Close the connection."""
        self.link.interrupt()
        self._response.close()
        self.link.close()


def address_of(url: str) -> Address:
    """Return the address of an HTTP(S) URL. Raises ValueError if it is invalid."""
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    if not parts.hostname:
        raise ValueError("no host")
    host = parts.hostname if parts.hostname.isascii() else parts.hostname.encode("idna").decode("ascii")
    path = quote(parts.path or "/", safe=string.punctuation)
    query = quote(parts.query, safe=string.punctuation)
    port = _PORTS[scheme] if parts.port is None else parts.port
    return Address(scheme, host, port, path + (f"?{query}" if query else ""))


def _request_text(address: Address, login: Login | None) -> bytes:
    lines = [
        f"GET {address.target} HTTP/1.1",
        f"Host: {address.host_header}",
        "User-Agent: edgevision",
        "Accept: multipart/x-mixed-replace, image/*, */*",
        "Accept-Encoding: identity",
        "Connection: close",
    ]
    if login is not None:
        lines.append(f"Authorization: {login.header('GET', address.target)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")


def _is_same_server(one: Address, other: Address) -> bool:
    """Return whether a password for one address may go to another: the same host and port, or its encrypted twin."""
    upgraded = (one.scheme, one.port, other.scheme, other.port) == ("http", 80, "https", 443)
    return one.host == other.host and (upgraded or (one.scheme, one.port) == (other.scheme, other.port))


def _refusal(answer: Answer, has_login: bool) -> str:
    if answer.status != 401:
        return f"the server answered {answer.status} {printable(answer.reason[:_MAX_REASON])}".rstrip()
    if has_login:
        return "the server refuses this user and password (401)"
    return "the server asks for a user and password (401); give them in the URL, as in http://USER:PASSWORD@HOST/"
