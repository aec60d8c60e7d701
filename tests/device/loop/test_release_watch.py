"""Tests of the event that reports another release of this device."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from documents import valid
from edgevision.device.installer.release.state import ReleaseState
from edgevision.device.loop.release_file import LOOK_S, ReleaseFile
from edgevision.device.loop.release_watch import ReleaseWatch
from edgevision.device.sinks.jsonl import event_record
from edgevision.device.stream.events import Event, ReleaseChange
from edgevision.device.telemetry.release_status import ReleaseStatus

OLD, NEW = "one-0123456789ab", "two-0123456789ab"


class Device:
    """State of the releases as the installer writes it, and the watch of one service after another."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = 0.0
        self.start()

    def start(self) -> None:
        """Start the service."""
        self.watch = ReleaseWatch(self.folder, self.folder / "state.json")

    def look(self, state: ReleaseState | None = None) -> ReleaseChange | None:
        """Save a state and look a while later."""
        if state is not None:
            state.save(self.folder)
        self.now += LOOK_S
        return self.watch.look(self.now)


@pytest.fixture
def device(tmp_path: Path) -> Device:
    return Device(tmp_path)


def test_first_release_is_no_news(device: Device) -> None:
    assert device.look() is None
    assert device.look(ReleaseState().switched(OLD, "confirmed", "boot")) is None
    assert device.look() is None


def test_update_is_told_once_per_step_and_start(device: Device) -> None:
    first = ReleaseState().switched(OLD, "confirmed", "boot")
    device.look(first)
    trial = first.switched(NEW, "provisional", "boot")
    device.start()
    assert device.look(trial) == ReleaseChange(OLD, NEW, "provisional", "")
    assert device.look() is None
    assert device.look(trial.confirmed()) == ReleaseChange(OLD, NEW, "confirmed", "")
    device.look()
    device.start()
    assert device.look() is None


def test_event_that_a_power_cut_may_have_lost_is_reported_again(device: Device) -> None:
    """Outputs bring a line to the disk, or send it, a moment later."""
    first = ReleaseState().switched(OLD, "confirmed", "boot")
    device.look(first)
    device.look()
    back = first.switched(NEW, "provisional", "boot").reverted("the device restarted before the release was confirmed")
    found = device.look(back)
    assert found is not None
    device.start()
    assert device.look() == found
    assert device.look() is None
    device.start()
    assert device.look() is None


def test_release_that_was_taken_back_is_told_by_the_one_before(device: Device) -> None:
    first = ReleaseState().switched(OLD, "confirmed", "boot")
    device.look(first)
    device.start()
    found = device.look(first.switched(NEW, "provisional", "boot").reverted("too slow: 1.0 frames/s"))
    assert found == ReleaseChange(OLD, NEW, "reverted", "too slow: 1.0 frames/s")
    assert found.describe() == f"{NEW} was taken back (too slow: 1.0 frames/s); {OLD} runs"


def test_looks_are_rare(device: Device) -> None:
    device.look(ReleaseState().switched(OLD, "confirmed", "boot"))
    ReleaseState(OLD).switched(NEW, "provisional", "boot").save(device.folder)
    assert device.watch.look(device.now + LOOK_S / 2) is None
    assert device.watch.look(device.now + LOOK_S) is not None


def test_status_follows_the_releases(device: Device) -> None:
    first = replace(ReleaseState().switched(OLD, "confirmed", "boot"), since="2026-01-01T00:00:00Z")
    first.save(device.folder)
    watched = ReleaseFile(device.folder / "state.json", lambda: device.now)
    before = ReleaseStatus(OLD, "confirmed", "2026-01-01T00:00:00Z", None, None, "")
    assert watched.status() == before
    trial = first.switched(NEW, "provisional", "boot")
    trial.save(device.folder)
    assert watched.status() == before, "the file is read every few seconds only"
    device.now += LOOK_S
    on_trial = watched.status()
    assert on_trial is not None
    assert (on_trial.name, on_trial.state, on_trial.previous) == (NEW, "provisional", OLD)
    trial.reverted("too slow").save(device.folder)
    device.now += LOOK_S
    back = watched.status()
    assert back is not None
    assert (back.name, back.state, back.failed, back.reason) == (OLD, "reverted", NEW, "too slow")
    assert back.describe() == f"release: {OLD}, reverted since {back.since}; {NEW} was taken back: too slow"


@pytest.mark.parametrize("damage", [b"", b"[]", b'{"current": 5}', b"\xff"])
def test_damaged_state_is_not_told_of(damage: bytes, device: Device) -> None:
    (device.folder / "state.json").write_bytes(damage)
    assert device.look() is None
    assert ReleaseFile(device.folder / "state.json").status() is None


def test_event_has_its_schema() -> None:
    change = ReleaseChange(None, NEW, "confirmed", "")
    record = event_record(Event("release", "2026-01-01T00:00:00Z", 3, change.describe(), release=change))
    assert (record["from"], record["to"], record["state"]) == (None, NEW, "confirmed")
    valid(json.loads(json.dumps(record)), "run_line")
