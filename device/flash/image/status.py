"""What the installer left on the boot partition, explained to somebody who took the card out."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgevision.errors import BadInput

from .boot_partition import read_boot_files

FILE = "edgevision/status.json"
STATES = ("pending", "running", "ok", "failed")
STEPS = {
    # What a step does, and what to do where it failed. A prepared card begins with firstboot, system and room.
    "firstboot": ("taking over what the card brings", "prepare the card again: edgevision flash image"),
    "system": ("making the card's settings", "correct device.toml and prepare the card again"),
    "room": ("making room", "start the machine again; if it fails again, take another card"),
    "check": (
        "looking at the bundle",
        "make the bundle again for this machine; then prepare the card again, or start install.pyz again",
    ),
    "unpack": ("unpacking the bundle", "make room on the card, or take a larger one"),
    "environment": ("installing the libraries", "make the bundle again; a wheel is missing or not for this system"),
    "prove": ("running the model's self-test", "convert the model again; if only this machine fails, keep this report"),
    "switch": ("making the release the current one", "start the installer again; the card may be failing"),
    "service": (
        "installing the service",
        "look at the camera; on the machine: journalctl -u edgevision; then start again",
    ),
    "answer": ("waiting for the first answer", "look at the camera and its cable, then start the machine again"),
    "clean": ("taking the bundle and the secrets off the card", "start the machine again; the service runs already"),
}
CUT_OFF = "it is at it still, or was cut off there (power?); the next attempt starts anew"
CUT_OFF_EARLY = (
    "it is at it still, or was cut off there (power?): then the machine starts as an ordinary one, and nothing is "
    "installed; write the card again"
)


@dataclass(frozen=True, slots=True)
class Found:
    """How far an installation came."""

    value: dict[str, Any]
    """status.json itself."""

    @property
    def done(self) -> bool:
        """Whether it came to its end."""
        return bool(self.value["state"] == "ok")

    def describe(self) -> Iterable[str]:
        """Lines for people."""
        step, state, message = (str(self.value[key]) for key in ("step", "state", "message"))
        doing, remedy = STEPS.get(step, (f"the step {step!r}", "start the installer again"))
        release = self.value.get("release")
        if release:
            yield f"release: {release}"
        if state == "ok":
            yield f"done: {message}"
        elif state == "pending":
            yield "not begun: start the machine with this card in it"
        elif state == "running":
            yield f"{doing}: {message}"
            yield CUT_OFF_EARLY if step == "firstboot" else CUT_OFF
        else:
            yield f"failed while {doing}: {message}"
            yield f"what to do: {remedy}"


def read_status(place: Path) -> Found:
    """Of an image, a card's device or a mounted boot partition. Raises MissingFile, BadInput, OSError."""
    raw = read_boot_files(place, (FILE,)).get(FILE)
    if raw is None:
        raise BadInput(
            f"{place} has no {FILE} on its boot partition: edgevision flash image did not make it, and no installation with "
            "--status was begun there"
        )
    try:
        value = json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError):
        value = None
    told = isinstance(value, dict) and all(isinstance(value.get(key), str) for key in ("step", "state", "message"))
    if not told or value["state"] not in STATES:
        raise BadInput(f"{place}: {FILE} is damaged; start the installer again")
    return Found(value)
