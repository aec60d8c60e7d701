"""Ports of the loopback for servers that have to know theirs before they start, or that come back on the same one."""

from __future__ import annotations

import random
import socket
import sys
from pathlib import Path

LOWEST = 15_000
FIRST_OF_THE_KERNEL = 32_768
"""Where Linux begins to hand out ports by itself, if nothing else is set."""
TRIES = 1000
_chance = random.SystemRandom()
_held: list[socket.socket] = []


def free_port() -> int:
    """Return a port that nothing listens on, and that nobody else gets by chance until the server uses it.

    It is below those that the kernel hands out: one of them could be given to another connection at any moment, and a client
    that tries such a port again and again on the loopback can even end up connected to itself.
    """
    for _ in range(TRIES):
        port = _chance.randrange(LOWEST, _first_of_the_kernel())
        if _is_free(port) and _is_reserved(port):
            return port
    raise AssertionError(f"no free port below {_first_of_the_kernel()}")


def _first_of_the_kernel() -> int:
    """Return the lowest port that the kernel hands out by itself."""
    try:
        return int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except OSError:
        return FIRST_OF_THE_KERNEL


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def _is_reserved(port: int) -> bool:
    """Reserve a port among the test processes of this machine, until this one ends; return whether that worked."""
    if sys.platform != "linux":
        return True
    name = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        name.bind(f"\0edgevision-tests-port-{port}")
    except OSError:
        name.close()
        return False
    _held.append(name)
    return True
