"""A connection whose reads and writes all end by one deadline, however slowly its bytes arrive."""

from __future__ import annotations

import io
import socket
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl

    from _typeshed import WriteableBuffer


class TimedSocket(io.RawIOBase):
    """A connected socket with a deadline in monotonic seconds; ``http.client`` reads from it as from a socket."""

    def __init__(self, host: str, port: int, deadline: float, tls: ssl.SSLContext | None = None) -> None:
        """Connect to the first address of the host that answers. Raises OSError, TimeoutError at the deadline."""
        self.deadline = deadline
        self._socket = self._connected(host, port)
        if tls is not None:
            try:
                self._socket = tls.wrap_socket(self._limited(), server_hostname=host)
            except BaseException:
                self._socket.close()
                raise

    @property
    def peer(self) -> str:
        """IP address of the other side."""
        return str(self._socket.getpeername()[0])

    def sendall(self, data: bytes) -> None:
        """Send all bytes. Raises OSError."""
        self._limited().sendall(data)

    def makefile(self, *_: object) -> io.BufferedReader:
        """Return a buffered reader; closing it closes the connection."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Read what has arrived. Raises OSError, TimeoutError at the deadline."""
        return self._limited().recv_into(buffer)

    def interrupt(self) -> None:
        """End a waiting read from any thread."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection."""
        if not self.closed:
            self._socket.close()
        super().close()

    def _connected(self, host: str, port: int) -> socket.socket:
        fault: OSError | None = None
        for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            self._socket = socket.socket(family, kind, protocol)
            try:
                self._limited().connect(address)
                return self._socket
            except OSError as error:
                self._socket.close()
                fault = error
        raise fault or OSError(f"{host} has no address")

    def _limited(self) -> socket.socket:
        left = self.deadline - monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)
        return self._socket
