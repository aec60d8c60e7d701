"""What a unit opens for the loop, besides cameras and accelerators."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath


@dataclass(frozen=True, slots=True)
class Access:
    """Permissions of the service that depend on its configuration."""

    network: bool = False
    """Whether other machines are reached, or reach it."""
    loopback: bool = False
    """Whether this machine's own programs reach it."""
    devices: tuple[str, ...] = ()
    """Device files."""
    groups: tuple[str, ...] = ()
    """Groups that may open them."""
    credentials: tuple[tuple[str, PurePosixPath], ...] = ()
    """Name and path of each file that only root can read: systemd hands it to the service."""
    optional_credentials: tuple[str, ...] = ()
    """Names of credentials that systemd hands to the service if the machine has them."""
