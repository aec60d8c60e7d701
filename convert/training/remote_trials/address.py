"""Address of a Ray cluster, as ``--ray`` gives it."""

from __future__ import annotations

import ipaddress
import socket
import subprocess
import sys

from edgevision.errors import BadInput, RemoteUnreachable, first_line
from edgevision.log import Log

log = Log("edgevision.train")
LOCAL = "local"
"""Address that starts a cluster on this machine alone."""
FORM = "HOST:PORT, such as 127.0.0.1:6379, or local"
CONNECT_TIMEOUT_S = 5.0
HEALTH_TIMEOUT_S = 30.0
"""Limit of Ray's own check, which starts another Python."""


def parse(text: str) -> tuple[str, int] | None:
    """Return host and port; None for ``local``. Raises BadInput."""
    if text == LOCAL:
        return None
    host, _, port = text.rpartition(":")
    fits = host and port.isascii() and port.isdigit() and 0 < int(port) < 65536
    if not fits or "/" in host or not host.isprintable() or " " in host:
        raise BadInput(f"--ray: expected the address of a Ray cluster, {FORM}, got {text!r}")
    return host.strip("[]"), int(port)


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine by its loopback address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def answers(place: tuple[str, int], timeout_s: float) -> OSError | None:
    """Return why nothing accepts connections there; None if something does."""
    try:
        socket.create_connection(place, timeout_s).close()
    except OSError as error:
        return error
    return None


def require_cluster(text: str, place: tuple[str, int]) -> None:
    """Check that a Ray cluster of this version answers, within seconds. Raises RemoteUnreachable, BadInput.

    Ray itself would wait for most of a minute, so the port is tried first, and Ray's check is limited.
    """
    error = answers(place, CONNECT_TIMEOUT_S)
    if error is not None:
        raise RemoteUnreachable(
            f"no Ray cluster at {text} ({error.strerror or first_line(error)}); start one with: ray start --head, and check "
            "the address and the firewall"
        )
    command = [sys.executable, "-P", "-m", "ray.scripts.scripts", "health-check", "--address", text]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=HEALTH_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise RemoteUnreachable(
            f"{text} accepts connections but does not answer as a Ray cluster within {HEALTH_TIMEOUT_S:.0f} s; give the "
            "address that ray start --head printed"
        ) from None
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or done.stdout.strip().splitlines() or ["no reason given"]
        log.debug("ray health-check: %s", done.stderr)
        if "AuthenticationError" in said[-1]:
            raise RemoteUnreachable(
                f"the Ray cluster at {text} asks for its token, and this machine has none or another; set RAY_AUTH_MODE=token, "
                "and RAY_AUTH_TOKEN_PATH to a file with the token of the cluster"
            )
        raise RemoteUnreachable(f"the Ray cluster at {text} refuses this machine: {said[-1].strip()}")
