"""A look at an RTSP server without the password, before FFMPEG opens it (RFC 2326).

FFMPEG follows a redirect to any server and logs in there, and says only that it failed.
"""

from __future__ import annotations

import io
import string
from time import monotonic
from urllib.parse import quote, urlsplit

from edgevision.errors import CameraError
from edgevision.files.url_secrets import masked
from edgevision.reporting.terminal import printable

from .timed_socket import TimedSocket

PORT = 554
_MAX_LINE, _MAX_LINES, _MAX_BODY = 4096, 100, 1 << 20
_MAX_REASON = 80
"""Longest part of a server's own text that is shown (characters)."""


def check_server(url: str, timeout_s: float) -> None:
    """Ask an ``rtsp://`` server for its stream's description. Raises CameraError if FFMPEG cannot or must not open it."""
    shown, parts = masked(url), urlsplit(url)
    host = parts.hostname or ""
    address = f"[{host}]" if ":" in host else host
    target = quote(
        parts._replace(netloc=f"{address}:{parts.port or PORT}", fragment="").geturl(), safe=string.punctuation
    )
    try:
        link = TimedSocket(host, parts.port or PORT, monotonic() + timeout_s)
        with link, link.makefile() as answers:
            for number, method in enumerate(("OPTIONS", "DESCRIBE"), 1):
                link.sendall(_request(method, target, number))
                _judge(*_status(answers), parts.username is not None, shown)
    except TimeoutError:
        reason = f"no answer within {timeout_s:g} s; check the address and that the camera is on"
        raise CameraError(f"cannot open {shown}: {reason}") from None
    except ValueError:
        raise CameraError(f"cannot open {shown}: its answer is not RTSP") from None
    except OSError as error:
        if isinstance(error, CameraError):
            raise
        reason = (error.strerror or "connection failed").lower()
        raise CameraError(f"cannot open {shown}: {reason}; check the address and that the camera is on") from None


def _request(method: str, target: str, number: int) -> bytes:
    lines = [f"{method} {target} RTSP/1.0", f"CSeq: {number}", "User-Agent: edgevision"]
    lines += ["Accept: application/sdp"] if method == "DESCRIBE" else []
    return "\r\n".join([*lines, "", ""]).encode("utf-8")


def _status(answers: io.BufferedReader) -> tuple[int, str]:
    """Read one answer; return its status and reason. Raises OSError, ValueError if it is not RTSP."""
    version, status, reason = (*_line(answers).split(" ", 2), "", "")[:3]
    if not version.startswith("RTSP/") or not (status.isdecimal() and len(status) == 3):
        raise ValueError(version)
    length = 0
    for _ in range(_MAX_LINES):
        name, _, value = _line(answers).partition(":")
        if not name:
            break
        if name.strip().lower() == "content-length":
            length = int(value)
    else:
        raise ValueError("too many headers")
    if not 0 <= length <= _MAX_BODY:
        raise ValueError("too long a description")
    answers.read(length)
    return int(status), reason


def _line(answers: io.BufferedReader) -> str:
    line = answers.readline(_MAX_LINE)
    if not line:
        raise ConnectionResetError
    if not line.endswith(b"\n"):
        raise ValueError("no line")
    return line.decode("utf-8", "replace").strip()


def _judge(status: int, reason: str, has_login: bool, shown: str) -> None:
    """Raise CameraError for an answer that leads nowhere; FFMPEG deals with the others, such as a login."""
    if 300 <= status < 400:
        why = "the server redirects to another address, which must not get the password; give that address"
    elif status == 401 and not has_login:
        why = "the server asks for a user and password (401); give them in the URL, as in rtsp://USER:PASSWORD@HOST/"
    elif status == 404:
        why = f"the server answered 404 {printable(reason[:_MAX_REASON])}".rstrip() + "; check the path"
    else:
        return
    raise CameraError(f"cannot open {shown}: {why}")
