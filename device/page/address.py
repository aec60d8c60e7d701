"""Address of the live page: ``[HOST:]PORT``."""

from __future__ import annotations

import ipaddress
import socket
from typing import NamedTuple

from edgevision.errors import BadInput

LOOPBACK = "127.0.0.1"
FORM = "a port or HOST:PORT, such as 8080 or 0.0.0.0:8080"


class PageAddress(NamedTuple):
    """Where the live page listens."""

    host: str
    """Host name or IP address, without brackets."""
    port: int
    """TCP port; 0: any free one."""

    def __str__(self) -> str:
        """Return the text that ``parse_address`` accepts."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return str(self.port) if self.host == LOOPBACK else f"{host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can connect."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def parse_address(text: str) -> PageAddress:
    """Parse ``[HOST:]PORT``. Raises ValueError."""
    host, colon, port = text.rpartition(":")
    if not (port.isascii() and port.isdecimal()) or len(port) > 5 or int(port) > 65535:
        raise ValueError(text)
    if not colon:
        return PageAddress(LOOPBACK, int(port))
    if host.startswith("[") and host.endswith("]"):
        return PageAddress(str(ipaddress.IPv6Address(host[1:-1])), int(port))
    if not host or len(host) > 253 or any(not (c.isascii() and (c.isalnum() or c in "-.")) for c in host):
        raise ValueError(text)
    return PageAddress(host, int(port))


def listen(address: PageAddress) -> socket.socket:
    """Return a listening socket. Raises BadInput."""
    try:
        family, _, _, _, where = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)[0]
        made = socket.socket(family, socket.SOCK_STREAM)
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            _limit_stalls(made)
            made.bind(where)
            made.listen(64)
        except OSError:
            made.close()
            raise
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BadInput(f"--page {address}: cannot listen: {reason}; choose another port or address") from None
    return made


STALL_MS = 30_000
"""Milliseconds after which a connection whose other side takes nothing is ended."""


def _limit_stalls(made: socket.socket) -> None:
    """Bound how long a viewer that reads nothing keeps a connection; accepted sockets inherit it (Linux)."""
    option = getattr(socket, "TCP_USER_TIMEOUT", None)
    if option is not None:
        made.setsockopt(socket.IPPROTO_TCP, option, STALL_MS)


def is_address(host: str) -> bool:
    """Return whether a host is an IP address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
