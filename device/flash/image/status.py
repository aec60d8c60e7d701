"""Read the installation status from the boot partition of an SD card and explain it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgevision.errors import BadInput
from edgevision.files import strict_json

from .boot_partition import read_boot_files

FILE = "edgevision/status.json"
STATES = ("pending", "running", "ok", "failed")
STEPS = {
    # What a step does, and what to do if it failed. A prepared SD card starts with firstboot, system and room.
    "firstboot": ("reading the settings on the SD card", "prepare the SD card again: edgevision flash image"),
    "system": ("applying the settings on the SD card", "correct device.toml and prepare the SD card again"),
    "room": ("growing the file system", "restart the device; if it fails again, use another SD card"),
    "check": (
        "verifying the bundle",
        "build the bundle again for this device; then prepare the SD card again, or run install.pyz again",
    ),
    "unpack": ("unpacking the bundle", "free some space on the SD card, or use a larger one"),
    "environment": ("installing the libraries", "build the bundle again; a wheel is missing or not for this system"),
    "prove": (
        "running the model's self-test",
        "convert the model again; if it fails on this device only, keep this report",
    ),
    "switch": ("making the release the current one", "restart the device; if it fails again, use another SD card"),
    "service": (
        "installing the service",
        "check the camera and, on the device, journalctl -u edgevision; then restart the device",
    ),
    "answer": ("waiting for the first prediction", "check the camera and its cable, then restart the device"),
    "clean": ("removing the bundle and the secrets from the SD card", "restart the device; the service already runs"),
}
CUT_OFF = "still running, or interrupted (power loss?); the next boot tries again"
CUT_OFF_EARLY = (
    "still running, or interrupted (power loss?): in that case the device boots normally and nothing is installed; "
    "write the SD card again"
)


@dataclass(frozen=True, slots=True)
class Found:
    """Status of an installation."""

    value: dict[str, Any]
    """Content of status.json."""

    @property
    def done(self) -> bool:
        """Whether the installation has finished."""
        return bool(self.value["state"] == "ok")

    def describe(self) -> Iterable[str]:
        """Yield an explanation of the status, line by line."""
        step, state, message = (str(self.value[key]) for key in ("step", "state", "message"))
        doing, remedy = STEPS.get(step, (f"running step {step!r}", "run the installer again"))
        release = self.value.get("release")
        if release:
            yield f"release: {release}"
        if state == "ok":
            yield f"done: {message}"
        elif state == "pending":
            yield "not started: boot the device with this SD card"
        elif state == "running":
            yield f"{doing}: {message}"
            yield CUT_OFF_EARLY if step == "firstboot" else CUT_OFF
        else:
            yield f"failed while {doing}: {message}"
            yield f"what to do: {remedy}"


def read_status(place: Path) -> Found:
    """Read the status from an OS image, a drive or a mounted boot partition. Raises MissingFile, BadInput, OSError."""
    raw = read_boot_files(place, (FILE,)).get(FILE)
    if raw is None:
        raise BadInput(
            f"{FILE} not found on the boot partition of {place}: it was not prepared with edgevision flash image, and no "
            "installer was run with --status for it"
        )
    try:
        value = strict_json.loads(raw, FILE)
    except BadInput:
        value = None
    told = isinstance(value, dict) and all(isinstance(value.get(key), str) for key in ("step", "state", "message"))
    if not told or value["state"] not in STATES:
        raise BadInput(f"{place}: {FILE} is damaged; run the installer again")
    return Found(value)
