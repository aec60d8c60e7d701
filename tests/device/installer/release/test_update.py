"""Tests of updates that take themselves back: the trial of a new release, power cuts, failed starts."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest
from edgevision.device.installer.archive.verify import read
from edgevision.device.installer.base.errors import Refused
from edgevision.device.installer.base.status import Status
from edgevision.device.installer.release import guard, state, switch
from edgevision.device.installer.release.health import Health, read_health
from edgevision.device.installer.release.install import MANAGER, InstallOptions, staged
from edgevision.device.installer.release.install import install as install_bundle
from edgevision.device.installer.release.state import MAX_ATTEMPTS, ReleaseState
from edgevision.device.installer.release.update import Try, UpdateOptions, Updater
from edgevision.device.loop.health_file import HealthFile
from prepared_card import installable

RUNS = {"ActiveState": "active", "Result": "success", "NRestarts": "0", "MainPID": "7"}
WAITS = RUNS | {"ActiveState": "activating", "MainPID": "0"}
CRASHED = WAITS | {"Result": "core-dump"}
WORDS = "edgevision: error: camera 0 not found"


class Power(BaseException):
    """The device loses its power."""


class Board:
    """Fake of systemd on a device: each look at the service is the next of ``looks``; the last one stays."""

    def __init__(
        self, looks: Sequence[dict[str, str]] = (RUNS,), rates: Sequence[float | None] = (10.0,), step: int = 10
    ) -> None:
        self.looks, self.rates, self.step = list(looks), list(rates), step
        self.asked: list[str] = []
        self.seconds, self.frames = 0.0, 0

    def ask(self, command: Sequence[str]) -> str:
        self.asked.append(" ".join(command))
        if command[0] == "journalctl":
            return f"{WORDS}\n"
        if "--property=ActiveState" in command:
            return "active\n"
        if command[1] == "show":
            shown = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
            return "".join(f"{name}={value}\n" for name, value in shown.items())
        return ""

    def health(self) -> Health | None:
        self.frames += self.step
        rate = self.rates.pop(0) if len(self.rates) > 1 else self.rates[0]
        return Health(7, self.frames, rate, None)

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def updater(self, attempt: Try | None = None) -> Updater:
        return Updater(Status(None), self.ask, self.health, lambda: self.seconds, self.sleep, attempt)

    @property
    def restarts(self) -> int:
        return sum("restart" in line for line in self.asked)


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    folder = tmp_path_factory.mktemp("bundles")
    units = (b"[Unit]\nDescription=one\n", b"[Unit]\nDescription=two\n", b"[Unit]\nDescription=one\n")
    made = [
        installable(folder / f"{n}.tar.xz", model=b"model %d\n" % n * 500, unit=unit) for n, unit in enumerate(units)
    ]
    return made[0], made[1], made[2]


@pytest.fixture(scope="module")
def built(bundles: tuple[Path, Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with all releases built and none of them current, to be copied: building one takes a second."""
    root = tmp_path_factory.mktemp("built") / "root"
    root.mkdir()
    for bundle in bundles:
        with staged(InstallOptions(bundle, root), Status(None)):
            pass
    return root


@pytest.fixture
def root(built: Path, tmp_path: Path) -> Path:
    """A root of its own for each test."""
    shutil.copytree(built, tmp_path / "root", symlinks=True)
    return tmp_path / "root"


def install(bundle: Path, root: Path) -> str:
    return install_bundle(InstallOptions(bundle, root), Status(None)).name


def name_of(bundle: Path) -> str:
    return read(bundle).manifest.id


def wish(bundle: Path, root: Path) -> UpdateOptions:
    return UpdateOptions(InstallOptions(bundle, root))


def known(root: Path) -> ReleaseState:
    return state.load(root / "opt/edgevision")


def linked(root: Path) -> str | None:
    return state.linked(root / "opt/edgevision")


def unit(root: Path) -> str:
    return (root / "etc/systemd/system/edgevision.service").read_text()


# ------------------------------------------------------------------------------------------------------------- updates


def test_update_is_confirmed_after_its_trial(bundles: tuple[Path, Path, Path], root: Path) -> None:
    board = Board()
    old, new = install(bundles[0], root), name_of(bundles[1])
    outcome = board.updater().update(wish(bundles[1], root))
    assert (outcome.state, outcome.before, outcome.new) == ("confirmed", old, new)
    assert (outcome.rate_before, outcome.rate_after) == (10.0, 10.0)
    found = known(root)
    assert (found.current, found.previous, found.state, found.floor_fps) == (new, old, "confirmed", None)
    assert found.confirmed_at is not None
    assert linked(root) == new
    assert "two" in unit(root)
    assert board.restarts == 1
    assert (root / "opt/edgevision" / MANAGER).exists()


def test_same_release_restarts_nothing(bundles: tuple[Path, Path, Path], root: Path) -> None:
    board = Board()
    install(bundles[0], root)
    outcome = board.updater().update(wish(bundles[0], root))
    assert outcome.state == "unchanged"
    assert board.restarts == 0


@pytest.mark.parametrize(
    ("board", "said"),
    [
        (Board([WAITS, CRASHED]), "the service crashed: camera 0 not found"),
        (Board([WAITS, WAITS | {"NRestarts": "1"}]), "the service was restarted by systemd: camera 0 not found"),
        (Board([WAITS, RUNS, RUNS | {"Result": "watchdog", "ActiveState": "deactivating"}], [None], 1), "watchdog"),
        (Board([WAITS]), "not ready within 180 s: camera 0 not found"),
        (Board(rates=[10.0, 5.0]), "too slow: 5.0 frames/s, expected at least 8.0"),
    ],
)
def test_failed_trial_is_taken_back(board: Board, said: str, bundles: tuple[Path, Path, Path], root: Path) -> None:
    old, new = install(bundles[0], root), name_of(bundles[1])
    outcome = board.updater().update(wish(bundles[1], root))
    assert outcome.state == "reverted"
    assert said in outcome.reason
    assert outcome.log == (WORDS,)
    found = known(root)
    assert (found.current, found.previous, found.state) == (old, None, "reverted")
    assert [(one.release, one.reason) for one in found.bad] == [(new, outcome.reason)]
    assert linked(root) == old
    assert "one" in unit(root)


def test_taught_classes_that_the_new_model_lacks_are_named(bundles: tuple[Path, Path, Path], root: Path) -> None:
    board = Board()
    install(bundles[0], root)
    taught = root / "var/lib/private/edgevision/taught"
    taught.mkdir(parents=True)
    old, new = (taught / f"{read(one).manifest.files['model.tflite'].sha256}.json" for one in bundles[:2])
    assert board.updater().update(wish(bundles[1], root)).note == ""
    old.write_text("{}")
    board.updater().roll_back(root, "again")
    assert f"stay in {old}; teach the new model again" in board.updater().update(wish(bundles[1], root)).note
    board.updater().roll_back(root, "again")
    new.write_text("{}")
    assert board.updater().update(wish(bundles[1], root)).note == ""


def test_unit_of_updates_goes_with_its_manager(bundles: tuple[Path, Path, Path], root: Path) -> None:
    """An older manager could not start an update where a newer one has left its file."""
    install(bundles[0], root)
    file = root / "etc/systemd/system/edgevision-update.service"
    file.write_text("[Unit]\n")
    Board().updater().update(wish(bundles[1], root))
    assert file.exists()
    (root / "opt/edgevision/manager.pyz").write_bytes(b"of another release")
    Board().updater().update(wish(bundles[0], root))
    assert not file.exists()


def test_slow_first_rates_do_not_fail_a_release(bundles: tuple[Path, Path, Path], root: Path) -> None:
    board = Board(rates=[10.0, 2.0, 7.0, 9.0])
    install(bundles[0], root)
    assert board.updater().update(wish(bundles[1], root)).state == "confirmed"


def test_first_release_that_fails_stops_the_service(bundles: tuple[Path, Path, Path], root: Path) -> None:
    board = Board([CRASHED])
    outcome = board.updater().update(wish(bundles[0], root))
    assert outcome.state == "stopped"
    assert known(root).state == "stopped"
    assert board.asked[-1] == "systemctl stop edgevision.service"


def test_third_release_removes_the_first(bundles: tuple[Path, Path, Path], root: Path) -> None:
    board = Board()
    for bundle in bundles:
        board.updater().update(wish(bundle, root))
    kept = {path.name for path in (root / "opt/edgevision/releases").iterdir()}
    assert kept == {name_of(bundles[1]), name_of(bundles[2])}


def test_rollback_on_request(bundles: tuple[Path, Path, Path], root: Path) -> None:
    board = Board()
    old, _ = install(bundles[0], root), install(bundles[1], root)
    assert board.updater().roll_back(root, "rolled back on request").state == "reverted"
    assert linked(root) == known(root).current == old
    with pytest.raises(Refused, match="no previous release"):
        board.updater().roll_back(root, "again")


# ----------------------------------------------------------------------------------------- interruptions and power cuts


STEPS = ("save", "place_link", "place_text", "place_service", "watch")
"""What an update does from the switch on; before it, the new release is only a folder."""


def cut(monkeypatch: pytest.MonkeyPatch, step: str, board: Board) -> Updater:
    """Let the power fail at a step of the switch."""

    def fail(*_: object, **__: object) -> NoReturn:
        raise Power

    if step == "save":
        monkeypatch.setattr(ReleaseState, "save", fail)
    elif step in ("place_link", "place_text"):
        monkeypatch.setattr(switch, step, fail)
    elif step == "place_service":
        monkeypatch.setattr("edgevision.device.installer.release.update.place_service", fail)
    return board.updater(fail if step == "watch" else None)


@pytest.mark.parametrize("step", STEPS)
def test_power_cut_leaves_the_old_release(
    step: str, bundles: tuple[Path, Path, Path], root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = Board()
    old = install(bundles[0], root)
    with monkeypatch.context() as patch, pytest.raises(Power):
        cut(patch, step, board).update(wish(bundles[1], root))
    monkeypatch.setattr(guard, "boot_id", lambda: "another boot")
    commands: list[str] = []
    guard.before_start(root, lambda arguments: commands.append(" ".join(arguments)) or "")
    assert linked(root) == known(root).current == old
    assert "one" in unit(root)
    if step != "save":
        assert known(root).reason == "the device restarted before the release was confirmed"
    assert (commands != []) == (step in ("place_service", "watch"))  # the new unit had been written


@pytest.mark.parametrize("step", STEPS)
def test_killed_update_continues_in_the_same_boot(
    step: str, bundles: tuple[Path, Path, Path], root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = Board()
    install(bundles[0], root)
    with monkeypatch.context() as patch, pytest.raises(Power):
        cut(patch, step, board).update(wish(bundles[1], root))
    slow = Board(rates=[5.0])
    outcome = (slow if step != "save" else board).updater().update(wish(bundles[1], root))
    # The lowest rate, 80 % of the old release's, is remembered.
    assert outcome.state == ("reverted" if step != "save" else "confirmed")
    board.updater().update(wish(bundles[1], root))
    assert linked(root) == known(root).current == name_of(bundles[1])


# ------------------------------------------------------------------------------------------------------- failed starts


def starts(root: Path, times: int) -> list[str]:
    commands: list[str] = []
    for _ in range(times):
        guard.before_start(root, lambda arguments: commands.append(" ".join(arguments)) or "")
    return commands


def test_starts_without_the_folder_of_the_releases_do_not_count(bundles: tuple[Path, Path, Path], root: Path) -> None:
    install(bundles[0], root)
    install(bundles[1], root)
    releases = root / "opt/edgevision/releases"
    before = known(root)
    releases.rename(root / "not mounted")
    assert starts(root, 3 * MAX_ATTEMPTS) == [] and known(root) == before
    assert guard.before_start(root, lambda _: "").startswith(f"the release {before.current} is not there; ")
    (root / "not mounted").rename(releases)
    assert starts(root, 1) == [] and known(root).attempts == before.attempts + 1


def test_release_that_is_gone_is_replaced_by_the_last_good_one(bundles: tuple[Path, Path, Path], root: Path) -> None:
    old, new = install(bundles[0], root), install(bundles[1], root)
    shutil.rmtree(root / "opt/edgevision/releases" / new)
    for _ in range(MAX_ATTEMPTS):
        with pytest.raises(Refused, match=f"the release {new} is not complete"):
            starts(root, 1)
    assert starts(root, 1)[0] == "daemon-reload"
    assert linked(root) == known(root).current == old


def test_release_that_never_starts_is_replaced_by_the_last_good_one(
    bundles: tuple[Path, Path, Path], root: Path
) -> None:
    old, new = install(bundles[0], root), install(bundles[1], root)
    assert starts(root, MAX_ATTEMPTS) == []
    assert linked(root) == new
    assert starts(root, 1) == ["daemon-reload", "--no-block restart edgevision.service"]
    assert linked(root) == known(root).current == old
    assert known(root).is_bad(new)
    # The last one fails as well: no endless restarts, also after a reboot.
    assert starts(root, MAX_ATTEMPTS) == ["--no-block stop edgevision.service"]
    assert starts(root, 1) == ["--no-block stop edgevision.service"]
    assert "no other release is left" in known(root).reason


def test_ready_service_starts_counting_again(bundles: tuple[Path, Path, Path], root: Path) -> None:
    name = install(bundles[0], root)
    for _ in range(3 * MAX_ATTEMPTS):
        starts(root, 1)
        guard.ready(root)
    assert (known(root).current, known(root).state, known(root).attempts) == (name, "confirmed", 0)


@pytest.mark.parametrize("reason", ["no camera", "stopped on request"])
def test_start_that_says_nothing_about_the_release_does_not_count(
    reason: str, bundles: tuple[Path, Path, Path], root: Path, tmp_path: Path
) -> None:
    runtime = tmp_path / "run"
    runtime.mkdir()
    install(bundles[0], root)
    if reason == "no camera":
        HealthFile(runtime).waiting_for("camera")
    for _ in range(3 * MAX_ATTEMPTS):
        starts(root, 1)
        guard.ended(root, {"SERVICE_RESULT": "exit-code" if reason == "no camera" else "success"}, runtime)
    assert known(root).state == "confirmed"
    HealthFile(runtime).waiting_for(None)
    starts(root, 1)
    guard.ended(root, {"SERVICE_RESULT": "exit-code"}, runtime)
    assert known(root).attempts == 1


def test_stopped_device_takes_a_new_release(bundles: tuple[Path, Path, Path], root: Path) -> None:
    board = Board()
    old = install(bundles[0], root)
    starts(root, MAX_ATTEMPTS + 1)
    assert known(root).state == "stopped"
    assert board.updater().update(wish(bundles[1], root)).state == "confirmed"
    assert known(root).previous is None
    assert known(root).is_bad(old)


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"schema": "edgevision.state/1"}', b"\xff" * 100])
def test_damaged_state_is_that_of_the_link(damage: bytes, bundles: tuple[Path, Path, Path], root: Path) -> None:
    name = install(bundles[0], root)
    (root / "opt/edgevision/state.json").write_bytes(damage)
    assert known(root) == ReleaseState(current=name)
    starts(root, 1)
    assert known(root).attempts == 1


def test_state_survives_a_round_trip(tmp_path: Path) -> None:
    one = ReleaseState("a-0123456789ab", None, "provisional", 2, "boot", 8.5, 12, "2026-01-01T00:00:00Z")
    one = replace(one.stopped("it is\nbroken"), state="provisional")
    one.save(tmp_path)
    assert state.load(tmp_path) == one
    assert json.loads((tmp_path / "state.json").read_text())["schema"] == state.SCHEMA


def test_health_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = HealthFile(tmp_path)
    written.waiting_for("camera")
    assert (read_health(tmp_path) or Health(0, 0, None, None)).waiting_for == "camera"
    written.running(5, 10.0, {})
    assert (read_health(tmp_path) or Health(0, 0, 1.0, None)).rate_fps is None
    written.running(55, 15.0, {"temperature_c": 48.0})
    found = read_health(tmp_path)
    assert found is not None
    assert (found.frames, found.rate_fps, found.waiting_for) == (55, 10.0, None)
