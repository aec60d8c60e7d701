"""Meeting of the machines before a training: all are there, and all have the same photos, settings and versions.

TensorFlow itself waits for missing machines without a limit and without a message, so they meet here first. Each machine
opens a connection to the chief and sends one line of JSON; the chief answers each with one line. Nothing that comes from
the network is run.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress

from edgevision.errors import BadInput, EdgeVisionError, RemoteUnreachable
from edgevision.files import strict_json

from .tf_config import VARIABLE, Cluster

WAIT_S = 600.0
"""How long machines wait for each other."""
LINE_S = 5.0
"""Longest time for a line to arrive on an open connection."""
RETRY_S = 0.5
MAX_LINE = 100_000
MAX_TEXT = 1000
LOOPBACK = ("localhost", "127.0.0.1", "::1")
Facts = Mapping[str, str]
"""What has to be the same on all machines: name -> value."""


def meet(
    cluster: Cluster,
    facts: Facts,
    note: Callable[[str], None],
    wait_s: float = WAIT_S,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Wait until all machines are there, and compare their facts with the chief's.

    Raises BadInput on every machine if the facts differ, and RemoteUnreachable if a machine does not come.
    """
    until = clock() + wait_s
    if cluster.rank == 0:
        _Chief(cluster, facts, lambda: until - clock()).gather(note)
    else:
        _require_free_port(cluster)
        note(f"{cluster.name(cluster.rank)}: connecting to the chief {cluster.addresses[0]}")
        _report(cluster, facts, lambda: until - clock())


def difference(cluster: Cluster, rank: int, theirs: Facts, chief: Facts) -> str | None:
    """Return a sentence about the first fact in which a machine differs from the chief, or None."""
    for name in dict.fromkeys((*chief, *theirs)):
        if theirs.get(name) != chief.get(name):
            return (
                f"{cluster.name(rank)} has {name} {theirs.get(name, 'unset')}, but the chief {cluster.addresses[0]} has "
                f"{chief.get(name, 'unset')}; give all machines the same"
            )
    return None


class _Chief:
    """The chief's side of a meeting."""

    def __init__(self, cluster: Cluster, facts: Facts, left: Callable[[], float]) -> None:
        self._cluster, self._facts, self._left = cluster, facts, left
        self._here: dict[int, socket.socket] = {}
        self._refused: str | None = None

    def gather(self, note: Callable[[str], None]) -> None:
        """Wait for the others and answer them. Raises BadInput, RemoteUnreachable."""
        note(f"{self._cluster.name(0)}, the chief: waiting for the others at port {self._cluster.port}")
        try:
            with _listening(self._cluster) as server:
                while self._missing():
                    self._accept(server)
                answer = json.dumps({"refused": self._refused}).encode() + b"\n"
                for link in self._here.values():
                    with suppress(OSError):
                        link.sendall(answer)
                for link in self._here.values():
                    with suppress(OSError):
                        link.recv(1)  # the machine closes first, so that the chief's port is free at once
        finally:
            for link in self._here.values():
                link.close()
        if self._refused is not None:
            raise BadInput(self._refused)

    def _missing(self) -> list[int]:
        """Return the machines that are not there; a connection that was closed does not count."""
        for rank, link in list(self._here.items()):
            if _is_closed(link):
                link.close()
                del self._here[rank]
        return [rank for rank in range(1, len(self._cluster.addresses)) if rank not in self._here]

    def _accept(self, server: socket.socket) -> None:
        if self._left() <= 0:
            missing = ", ".join(self._cluster.name(rank) for rank in self._missing())
            raise RemoteUnreachable(
                f"not there in time: {missing}; start edgevision train on every machine, and let them reach "
                f"{self._cluster.addresses[0]}"
            )
        server.settimeout(min(RETRY_S, max(0.01, self._left())))
        try:
            link, _ = server.accept()
        except TimeoutError:
            return
        try:
            link.settimeout(LINE_S)
            rank, facts = _hello(_line(link), len(self._cluster.addresses))
        except (OSError, ValueError, KeyError):  # not one of our machines
            link.close()
            return
        if rank in self._here:
            self._here[rank].close()
        self._here[rank] = link
        self._refused = self._refused or difference(self._cluster, rank, facts, self._facts)


def _report(cluster: Cluster, facts: Facts, left: Callable[[], float]) -> None:
    """Send the facts to the chief and wait for its answer. Raises BadInput, RemoteUnreachable."""
    hello = json.dumps({"rank": cluster.rank, "facts": dict(facts)}).encode() + b"\n"
    while left() > 0:
        try:
            with socket.create_connection(cluster.chief, min(LINE_S, max(0.01, left()))) as link:
                link.sendall(hello)
                link.settimeout(max(0.01, left()))
                found = strict_json.loads(_line(link), "the answer of the chief")
                refused = strict_json.fields(found, "the answer")["refused"]
        except (OSError, ValueError, KeyError) as error:
            if isinstance(error, EdgeVisionError):
                raise
            time.sleep(min(RETRY_S, max(0.0, left())))
            continue
        if refused is not None:
            raise BadInput(strict_json.text(refused, "refused", MAX_LINE))
        return
    raise RemoteUnreachable(
        f"the chief {cluster.addresses[0]}, which {VARIABLE} names, does not answer; start edgevision train there too, and "
        "see that its port can be reached"
    )


def _hello(line: bytes, machines: int) -> tuple[int, dict[str, str]]:
    """Return rank and facts from the line of a machine. Raises ValueError, KeyError."""
    found = strict_json.fields(strict_json.loads(line, "a machine's line"), "the line")
    facts = strict_json.fields(found["facts"], "facts")
    rank = strict_json.whole(found["rank"], "rank", 1, machines - 1)
    return rank, {name[:MAX_TEXT]: strict_json.text(value, name, MAX_TEXT) for name, value in facts.items()}


def _line(link: socket.socket) -> bytes:
    """Read a line. Raises OSError if none comes, ValueError if it is too long."""
    with closing(link.makefile("rb")) as stream:
        line = stream.readline(MAX_LINE + 1)
    if not line:
        raise ConnectionResetError
    if not line.endswith(b"\n"):
        raise ValueError("too long, or cut off")
    return line


def _is_closed(link: socket.socket) -> bool:
    """Return whether the other side has closed a connection on which nothing is expected."""
    try:
        link.setblocking(False)
        return not link.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        with suppress(OSError):
            link.settimeout(LINE_S)


def _listening(cluster: Cluster) -> socket.socket:
    """Return a socket at the port of this machine: on loopback if TF_CONFIG says so. Raises BadInput."""
    host = cluster.chief[0]
    version = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host if host in LOOPBACK else "", cluster.port), family=version, backlog=1000)
    except OSError as error:
        raise BadInput(
            f"port {cluster.port} of this machine, which {VARIABLE} names, cannot be used: {error.strerror}; end the "
            "program that uses it, or name another port on all machines"
        ) from None


def _require_free_port(cluster: Cluster) -> None:
    """Check that TensorFlow will be able to listen at the port of this machine. Raises BadInput."""
    _listening(cluster).close()
