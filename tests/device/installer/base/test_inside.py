"""Tests that nothing is written outside another machine's root file system, whatever its links say."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from edgevision.device.installer.base.inside import MAX_LINKS, inside
from edgevision.device.installer.base.status import Status
from edgevision.device.installer.release.install import InstallOptions, install
from edgevision.device.installer.system import apply
from edgevision.device.service.install import ServiceOptions, enable, prepare, remove
from locations import ROOT
from prepared_card import installable

from edgevision import default_model


@pytest.fixture
def root(tmp_path: Path) -> Path:
    place = tmp_path / "root"
    (place / "etc").mkdir(parents=True)
    return place


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder of this machine that must stay as it is."""
    place = tmp_path / "outside"
    place.mkdir()
    (place / "run.toml").write_text("mine\n")
    place.chmod(0o700)
    return place


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/srv", "srv/x"),
        ("srv", "a/srv/x"),
        ("../../../srv", "srv/x"),
        ("/", "x"),
        ("..", "x"),
        ("/../srv/./y", "srv/y/x"),
    ],
)
def test_links_lead_to_where_they_lead_on_that_machine(target: str, expected: str, root: Path) -> None:
    (root / "a").mkdir()
    (root / "a/link").symlink_to(target)
    assert inside(root, "/a/link/x") == root / expected
    assert inside(root, "a/link", follow=False) == root / "a/link"


def test_parent_folders_do_not_leave_the_root(root: Path) -> None:
    assert inside(root, "../../etc/passwd") == root / "etc/passwd"
    assert inside(Path("/"), "/etc/../etc/hosts") == Path("/etc/../etc/hosts")


def test_circular_links_are_an_error(root: Path) -> None:
    (root / "a").symlink_to("b")
    (root / "b").symlink_to("a")
    with pytest.raises(OSError, match="symbolic links"):
        inside(root, "a/x")
    for number in range(MAX_LINKS):
        (root / f"l{number}").symlink_to(f"l{number + 1}")
    assert inside(root, "l0") == root / f"l{MAX_LINKS}"


def snapshot(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Return mode, owner and content of everything in a folder."""
    found = {}
    for path in [folder, *folder.rglob("*")]:
        facts = path.lstat()
        found[str(path)] = (facts.st_mode, facts.st_uid, path.read_bytes() if path.is_file() else b"")
    return found


def _install_service(root: Path) -> None:
    made = prepare(ServiceOptions(root=root, model=default_model.path(), camera="0", overwrite=True))
    made.write()
    enable(root)
    remove(root, purge=True)


def _install_bundle(root: Path) -> None:
    install(InstallOptions(installable(root.parent / "b.tar.xz"), root), Status(None))


def _apply_settings(root: Path) -> None:
    settings = {"hostname": "cam", "country": "DE", "keyboard": "de", "wifi": {"ssid": "41", "security": "open"}}
    assert apply(settings, root) == []


WORK = (_install_service, _install_bundle, _apply_settings)
LINKED = (
    *("etc/edgevision", "etc/systemd", "etc/systemd/system", "etc/systemd/system/multi-user.target.wants", "etc"),
    *(
        "opt",
        "opt/edgevision",
        "opt/edgevision/releases",
        "opt/edgevision/wheels",
        "etc/NetworkManager",
        "etc/default",
        "var/lib/systemd/rfkill",
    ),
)


@pytest.mark.parametrize("place", LINKED)
@pytest.mark.parametrize("relative", [False, True])
def test_linked_folders_do_not_lead_out_of_the_root(place: str, relative: bool, root: Path, outside: Path) -> None:
    path = root / place
    if path.is_dir():
        path.rmdir()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(os.path.relpath(outside, path.parent) if relative else outside)
    before = snapshot(outside)
    for work in WORK:
        work(root)
    assert snapshot(outside) == before


@pytest.mark.parametrize(
    "place",
    [
        *("etc/edgevision/run.toml", "etc/edgevision/model.tflite", "etc/systemd/system/edgevision.service"),
        *("etc/hostname", "etc/hosts", "opt/edgevision/.lock", "opt/edgevision/current", "opt/edgevision/newest"),
        *("opt/edgevision/state.json", "opt/edgevision/.state.lock", "opt/edgevision/manager.pyz"),
    ],
)
@pytest.mark.parametrize("work", WORK)
def test_linked_files_do_not_lead_out_of_the_root(
    place: str, work: Callable[[Path], None], root: Path, outside: Path
) -> None:
    (root / place).parent.mkdir(parents=True, exist_ok=True)
    (root / place).symlink_to(outside / "run.toml")
    before = snapshot(outside)
    try:
        work(root)
    except OSError as error:
        assert place.endswith("lock"), error
    assert snapshot(outside) == before


def test_accounts_are_not_changed_through_links(root: Path, outside: Path) -> None:
    shutil.copy("/etc/passwd", outside / "passwd")
    (root / "etc/passwd").symlink_to(outside / "passwd")
    before = snapshot(outside)
    (line,) = apply({"user": {"name": "edge", "sudo": "none"}}, root)
    assert "is reached through a link" in line
    assert snapshot(outside) == before


def test_every_path_below_a_root_is_resolved_inside_it() -> None:
    """``root / path`` follows links; only ``inside`` may write it."""
    allowed = {"device/installer/base/inside.py"}
    for folder in ("device/installer", "device/service"):
        for path in (ROOT / folder).rglob("*.py"):
            name = path.relative_to(ROOT).as_posix()
            lines = [line for line in path.read_text().splitlines() if re.search(r"\broot / ", line)]
            shown = [line for line in lines if "{root / " not in line and "!= root / " not in line]
            assert name in allowed or not shown, f"{name}: use inside(root, path): {shown}"
