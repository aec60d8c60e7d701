"""One HTTP POST with a total deadline: certificates are verified and redirects are not followed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from http.client import HTTPException, HTTPResponse
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

from edgevision.errors import BadInput, CannotWrite, EdgeVisionError

from ...cameras.backends.timed_socket import TimedSocket

if TYPE_CHECKING:
    import ssl
    from pathlib import Path

    from .target import Target


class NoAnswer(CannotWrite):
    """Raised when a server cannot be reached or does not answer in time; another attempt may succeed."""


class Reply(NamedTuple):
    """What matters of an answer."""

    status: int
    retry_after: str | None


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Return a context that verifies certificates and host names. ``ca_file``: issuers to trust. Raises BadInput."""
    import ssl

    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise BadInput(f"ca_file {ca_file}: {error.strerror or error}") from None


def post(
    target: Target,
    headers: Mapping[str, str],
    body: bytes,
    timeout_s: float,
    tls: ssl.SSLContext | None,
    watch: Callable[[TimedSocket], None] = lambda _: None,
) -> Reply:
    """Send a request and return the answer. ``watch`` gets the connection, to interrupt it. Raises NoAnswer, BadInput."""
    try:
        return _post(target, headers, body, monotonic() + timeout_s, tls, watch)
    except TimeoutError:
        raise NoAnswer(f"no answer within {timeout_s:g} s") from None
    except (OSError, HTTPException, ValueError) as error:
        if isinstance(error, EdgeVisionError):
            raise
        raise NoAnswer(_reason(error)) from None


def retry_after_s(text: str | None, now_s: float) -> float:
    """Return the seconds that a ``Retry-After`` header asks for: a number or a date; 0 if it cannot be read."""
    from email.utils import parsedate_to_datetime

    text = (text or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, (date - datetime.fromtimestamp(now_s, UTC)).total_seconds())


def _post(
    target: Target,
    headers: Mapping[str, str],
    body: bytes,
    deadline: float,
    tls: ssl.SSLContext | None,
    watch: Callable[[TimedSocket], None],
) -> Reply:
    address = target.address
    link = TimedSocket(address.host, address.port, deadline, tls if address.scheme == "https" else None)
    try:
        watch(link)
        target.require_allowed(link.peer)
        # A server may refuse a long body before it has read it; its answer then says why.
        with suppress(BrokenPipeError, ConnectionResetError):
            link.sendall(_head(target, headers, len(body)) + body)
        response = HTTPResponse(link, method="POST")  # type: ignore[arg-type]  # it only calls makefile
        response.begin()
        reply = Reply(response.status, response.getheader("Retry-After"))
        response.close()
        return reply
    finally:
        link.interrupt()
        link.close()


def _head(target: Target, headers: Mapping[str, str], length: int) -> bytes:
    address = target.address
    lines = [
        f"POST {address.target} HTTP/1.1",
        f"Host: {address.host_header}",
        "User-Agent: edgevision",
        "Connection: close",
        f"Content-Length: {length}",
        *(f"{name}: {_one_line(value)}" for name, value in headers.items()),
    ]
    if target.login is not None:
        lines.append(f"Authorization: {target.login.header('POST', address.target)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")


def _one_line(value: str) -> str:
    """Return a header's value in which nothing begins another header."""
    return "".join(letter if " " <= letter <= "~" else "?" for letter in value)


def _reason(error: Exception) -> str:
    import ssl

    if isinstance(error, ssl.SSLCertVerificationError):
        why = error.verify_message.rstrip(".").strip().lower()
        return f"its certificate cannot be verified ({why}); give its issuer with the setting ca_file"
    if isinstance(error, ssl.SSLError):
        return f"no encrypted connection ({(error.reason or 'TLS failed').lower().replace('_', ' ')})"
    if isinstance(error, OSError):
        return (error.strerror or "connection failed").lower()
    return "its answer is not valid HTTP"
