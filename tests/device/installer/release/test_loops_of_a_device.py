"""Releases of several loops on one device: each has its own state, unit and trial; wheels and the manager are shared."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from edgevision.device.installer.archive.verify import read
from edgevision.device.installer.base.errors import Refused
from edgevision.device.installer.base.loop import UNNAMED, Loop
from edgevision.device.installer.base.status import Status
from edgevision.device.installer.manager import is_call
from edgevision.device.installer.release import guard, state
from edgevision.device.installer.release.health import Health
from edgevision.device.installer.release.install import InstallOptions, prune
from edgevision.device.installer.release.install import install as install_bundle
from edgevision.device.installer.release.state import MAX_ATTEMPTS, ReleaseState
from edgevision.device.installer.release.switch import loops
from edgevision.device.installer.release.update import UpdateOptions, Updater
from edgevision.device.installer.remote.actions import serve
from edgevision.device.installer.remote.request import SCHEMA, parse
from prepared_card import installable

DOOR = Loop("door")
OTHER_CAMERA = b'camera = "1"\nmodel = "model.tflite"\n'
RUNS = "ActiveState=active\nResult=success\nNRestarts=0\nMainPID=7\n"


class Board:
    """Fake of systemd on a device whose services run at once."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.frames = 0

    def ask(self, command: Sequence[str]) -> str:
        self.asked.append(" ".join(command))
        if "--value" in command:
            return "active\n"
        return RUNS if command[1] == "show" else ""

    def health(self) -> Health:
        self.frames += 10
        return Health(7, self.frames, 10.0, None)

    def updater(self, loop: Loop) -> Updater:
        return Updater(Status(None), self.ask, self.health, lambda: 0.0, lambda _: None, loop=loop)


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("bundles")
    return {
        "plain": installable(folder / "plain.tar.xz"),
        "door": installable(folder / "door.tar.xz", loop=DOOR, config=OTHER_CAMERA),
        "door again": installable(folder / "again.tar.xz", model=b"new\n" * 900, loop=DOOR, config=OTHER_CAMERA),
        "yard": installable(folder / "yard.tar.xz", loop=Loop("yard")),
    }


@pytest.fixture(scope="module")
def built(bundles: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with the loop without a name and the loop door, to be copied: building a release takes a second."""
    root = tmp_path_factory.mktemp("built") / "root"
    root.mkdir()
    for name in ("plain", "door"):
        install_bundle(InstallOptions(bundles[name], root), Status(None))
    return root


@pytest.fixture
def root(built: Path, tmp_path: Path) -> Path:
    shutil.copytree(built, tmp_path / "root", symlinks=True)
    return tmp_path / "root"


def known(root: Path, loop: Loop) -> ReleaseState:
    return state.load(root / loop.home)


def name_of(bundle: Path) -> str:
    return read(bundle).manifest.id


def test_each_loop_has_its_own_release_and_unit(bundles: dict[str, Path], root: Path) -> None:
    assert loops(root) == [UNNAMED, DOOR]
    assert known(root, UNNAMED).current == name_of(bundles["plain"])
    assert known(root, DOOR).current == name_of(bundles["door"])
    link = root / "opt/edgevision/loops/door/current"
    assert link.resolve() == root / "opt/edgevision/releases" / name_of(bundles["door"])
    for unit in ("edgevision.service", "edgevision@door.service"):
        assert (root / "etc/systemd/system/multi-user.target.wants" / unit).resolve().name == unit
    assert len(list((root / "opt/edgevision/wheels").iterdir())) == 2, "both have the same two wheels"
    assert not (root / "opt/edgevision/loops/door/manager.pyz").exists()


def test_update_of_one_loop_restarts_and_changes_nothing_of_the_other(bundles: dict[str, Path], root: Path) -> None:
    board, before = Board(), known(root, UNNAMED)
    outcome = board.updater(DOOR).update(UpdateOptions(InstallOptions(bundles["door again"], root)))
    assert outcome.state == "confirmed"
    assert known(root, DOOR).previous == name_of(bundles["door"])
    assert known(root, UNNAMED) == before
    assert not [line for line in board.asked if line.endswith("edgevision.service")]
    assert board.updater(DOOR).roll_back(root, "on request").state == "reverted"
    assert known(root, DOOR).current == name_of(bundles["door"])
    with pytest.raises(Refused, match="no previous release"):
        board.updater(UNNAMED).roll_back(root, "on request")


def test_prune_keeps_the_releases_of_all_loops(bundles: dict[str, Path], root: Path) -> None:
    Board().updater(DOOR).update(UpdateOptions(InstallOptions(bundles["door again"], root)))
    assert prune(root) == []
    assert {path.name for path in (root / "opt/edgevision/releases").iterdir()} == {
        name_of(bundles[name]) for name in ("plain", "door", "door again")
    }


def test_failed_starts_are_counted_for_each_loop(root: Path) -> None:
    commands: list[str] = []
    for _ in range(MAX_ATTEMPTS + 1):
        guard.before_start(root, lambda arguments: commands.append(" ".join(arguments)) or "", DOOR)
    assert known(root, DOOR).state == "stopped"
    assert commands == ["--no-block stop edgevision@door.service"]
    assert (known(root, UNNAMED).state, known(root, UNNAMED).attempts) == ("confirmed", 0)


def test_bundle_of_another_loop_is_refused(bundles: dict[str, Path], root: Path) -> None:
    with pytest.raises(Refused, match="the bundle is for edgevision@door, and the request is for edgevision"):
        Board().updater(UNNAMED).update(UpdateOptions(InstallOptions(bundles["door again"], root)))


def test_camera_of_another_loop_is_refused_before_the_switch(bundles: dict[str, Path], root: Path) -> None:
    with pytest.raises(Refused, match="camera 0 is used by the loop edgevision; choose another one with --camera"):
        install_bundle(InstallOptions(bundles["yard"], root), Status(None))
    assert known(root, Loop("yard")).current is None
    assert not (root / "etc/systemd/system/edgevision@yard.service").exists()


def test_bundle_has_the_unit_of_one_loop(bundles: dict[str, Path]) -> None:
    assert read(bundles["plain"]).manifest.loop == UNNAMED
    assert read(bundles["door"]).manifest.loop == DOOR


@pytest.mark.parametrize("name", ["../x", "a b", "", 5, ["door"], "Door"])
def test_request_for_a_wrong_name_is_refused(name: object) -> None:
    with pytest.raises(Refused, match="name of a loop"):
        parse(json.dumps({"schema": SCHEMA, "verb": "stop", "loop": name}).encode())


def test_request_for_an_absent_loop_names_those_that_are_there(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    monkeypatch.setattr("edgevision.device.installer.remote.actions.SYSTEM", root)
    with pytest.raises(Refused, match="no loop edgevision@yard on this device; it has edgevision, edgevision@door"):
        serve(json.dumps({"schema": SCHEMA, "verb": "prune", "loop": "yard"}).encode())


@pytest.mark.parametrize(
    ("arguments", "called"),
    [
        (["before-start"], True),
        (["ready", "door"], True),
        (["remote", "door"], False),
        (["ready", "a", "b"], False),
        (["x.tar.xz"], False),
        ([], False),
    ],
)
def test_units_name_their_loop_to_the_manager(arguments: list[str], called: bool) -> None:
    assert is_call(arguments) is called
