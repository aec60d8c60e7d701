"""Tests of a prepared SD card's second boot: install the bundle, wait for the first prediction, clean the SD card."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from edgevision.device.bundle import keys
from edgevision.device.flash.image.status import STEPS
from edgevision.device.installer.base.errors import Refused
from edgevision.device.installer.base.status import Status
from edgevision.device.installer.boot import cleanup, setup_unit
from edgevision.device.installer.boot.boot_partition import read_device
from edgevision.device.installer.boot.second_boot import ATTEMPTS, setup
from edgevision.device.installer.release.first_answer import ANSWER_S, READY_S, NotRunning, Starter
from prepared_card import CONFIG, HASH, INSTANCE, Prepared, installable, prepare, run_first, run_setup

needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="needs root rights to change accounts in another root (chpasswd --root)"
)
needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
WANTED = "etc/systemd/system/multi-user.target.wants/edgevision-setup.service"
NO_SETTINGS = {"system": None}
ANSWER = "2026-11-21T08:26:08.760Z first_answer: tabby, tabby cat 0.81; tiger cat 0.09"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return installable(tmp_path_factory.mktemp("bundle") / "b.tar.xz")


def started(prepared: Prepared, **changes: object) -> Prepared:
    """Run the first boot and return the SD card."""
    prepared.device(**changes)
    assert run_first(prepared).returncode == 0
    return prepared


class Board:
    """Fake of systemd and its journal: the service is ready after ``ready_after`` queries, and logged ``lines``."""

    def __init__(self, ready_after: int | None = 2, lines: Sequence[str] = (ANSWER,)) -> None:
        self.ready_after, self.lines = ready_after, list(lines)
        self.looks, self.seconds, self.state = 0, 0.0, "activating"
        self.asked: list[str] = []

    def ask(self, command: Sequence[str]) -> str:
        self.asked.append(" ".join(command[:3]))
        if "--property=ActiveState" in command:
            self.looks += 1
            return "active\n" if self.ready_after is not None and self.looks > self.ready_after else self.state
        if "--property=InvocationID" in command:
            return "abc\n"
        return "\n".join(self.lines) + "\n" if command[0] == "journalctl" else ""

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def starter(self) -> Starter:
        return Starter(self.ask, lambda: self.seconds, self.sleep)


def set_up(prepared: Prepared, board: Board, cloud_init: bool = True) -> None:
    """Run the second boot in this process with a fake systemd."""
    status = Status(prepared.card / "status.json", prepared.card / "setup.log", "firstboot")
    try:
        setup(prepared.card, prepared.root, status, board.starter(), lambda _device, _root: cloud_init)
    except (Refused, NotRunning) as error:
        status.failed(str(error))
        raise


# --------------------------------------------------------------------------------------------------------- installation


@needs_root
def test_setup_installs_and_cleans_the_card_on_bookworm(bundle: Path, tmp_path: Path) -> None:
    config = replace(CONFIG, run={"camera": "1", "threshold": 0.6})
    prepared = started(prepare(tmp_path, config=config, bundle=bundle))
    secrets = [b"ab" * 32, HASH.encode()]
    assert all(secret in (prepared.card / "device.json").read_bytes() for secret in secrets)
    board = Board()
    set_up(prepared, board)
    assert prepared.status["state"] == "ok"
    assert prepared.status["message"] == "the service runs; first prediction: tabby, tabby cat 0.81; tiger cat 0.09"
    assert prepared.status["release"] == prepared.current.name
    assert board.asked[:2] == ["systemctl daemon-reload", "systemctl --no-block restart"]
    assert 'camera = "1"' in prepared.text("etc/edgevision/run.toml")
    assert "ExecStart=" in prepared.text("etc/systemd/system/edgevision.service.d/device.conf")
    assert not (prepared.root / WANTED).exists()
    left = {path.name for path in prepared.card.iterdir()}
    assert left == {
        "device.json",
        "firstrun.sh",
        "image.json",
        "install.pyz",
        "service.conf",
        "setup.log",
        "status.json",
    }
    everything = b"".join(path.read_bytes() for path in prepared.boot.rglob("*") if path.is_file())
    assert not [secret for secret in secrets if secret in everything]
    assert read_device(prepared.card).system is None
    steps = [line.partition(":")[0] for line in (prepared.card / "setup.log").read_text().splitlines()]
    assert list(dict.fromkeys(steps)) == [
        *("room", "check", "unpack", "environment", "prove", "switch", "service", "answer", "clean"),
        "the service runs; first prediction",
    ]
    assert {"firstboot", "system", *steps[:-1]} == set(STEPS)  # flash status explains each step


@needs_root
def test_setup_blanks_only_the_secrets_on_trixie(bundle: Path, tmp_path: Path) -> None:
    wifi = replace(CONFIG.wifi, ssid=b"plain") if CONFIG.wifi else None
    prepared = started(prepare(tmp_path, "trixie", replace(CONFIG, wifi=wifi), bundle))
    names = ("user-data", "meta-data", "network-config")
    before = {name: (prepared.boot / name).read_bytes() for name in names}
    assert HASH.encode() in before["user-data"]
    assert b"ab" * 32 in before["network-config"]
    # cloud-init has not finished: everything stays, including the unit.
    set_up(prepared, Board(), cloud_init=False)
    assert {name: (prepared.boot / name).read_bytes() for name in names} == before
    assert prepared.status["state"] == "ok"
    assert "cloud-init has not applied them yet" in prepared.status["message"]
    assert (prepared.root / WANTED).exists()
    # At the next boot it has; nothing is installed again.
    board = Board()
    set_up(prepared, board)
    after = {name: (prepared.boot / name).read_bytes() for name in names}
    assert board.asked == []
    assert prepared.status["release"] == prepared.current.name
    assert after["meta-data"] == before["meta-data"]
    assert HASH.encode() not in after["user-data"]
    assert b"ab" * 32 not in after["network-config"]
    assert b"hostname: " in after["user-data"]
    assert prepared.status["message"].endswith("tiger cat 0.09")
    assert not (prepared.root / WANTED).exists()


def test_wait_for_cloud_init_checks_this_instance_only(tmp_path: Path) -> None:
    prepared = prepare(tmp_path, "trixie")
    device, board = read_device(prepared.card), Board()
    done = tmp_path / "root" / "var/lib/cloud/instances/edgevision-other/sem/config_users_groups"
    done.parent.mkdir(parents=True)
    done.touch()
    assert not cleanup.wait_for_cloud_init(device, prepared.root, lambda: board.seconds, board.sleep)
    assert board.seconds >= cleanup.APPLIED_S
    ours = prepared.root / f"var/lib/cloud/instances/{INSTANCE}/sem/config_users_groups"
    ours.parent.mkdir(parents=True)
    ours.touch()
    assert cleanup.wait_for_cloud_init(device, prepared.root, lambda: board.seconds, board.sleep)


@needs_root
def test_setup_works_with_the_real_installer(bundle: Path, tmp_path: Path) -> None:
    """Run python -I install.pyz as the unit does."""
    prepared = started(prepare(tmp_path, bundle=bundle))
    done = run_setup(prepared)
    assert done.returncode == 0, done.stderr
    assert prepared.status["state"] == "ok"
    assert prepared.status["message"] == f"installed {prepared.current.name}; the service starts at boot"
    assert (prepared.current / "installed.json").exists()
    assert not (prepared.root / "etc/edgevision/run.toml").exists()
    assert not (prepared.root / "etc/systemd/system/edgevision.service.d").exists()
    wanted = prepared.root / "etc/systemd/system/multi-user.target.wants/edgevision.service"
    assert wanted.is_symlink()


def test_setup_removes_service_settings_of_an_earlier_card(bundle: Path, tmp_path: Path) -> None:
    prepared = started(prepare(tmp_path, bundle=bundle), **NO_SETTINGS)
    for name in ("etc/edgevision/run.toml", "etc/systemd/system/edgevision.service.d/device.conf"):
        (prepared.root / name).parent.mkdir(parents=True, exist_ok=True)
        (prepared.root / name).write_text("earlier")
    mine = prepared.root / "etc/systemd/system/edgevision.service.d/mine.conf"
    mine.write_text("[Service]\n")
    assert run_setup(prepared).returncode == 0
    assert not (prepared.root / "etc/edgevision/run.toml").exists()
    assert [one.name for one in mine.parent.iterdir()] == ["mine.conf"]


@needs_root
def test_setup_retries_and_reports_failed_settings(bundle: Path, tmp_path: Path) -> None:
    prepared = prepare(tmp_path, bundle=bundle)
    zone = prepared.root / "usr/share/zoneinfo/Europe/Berlin"
    shutil.move(zone, tmp_path / "zone")
    shutil.move(prepared.root / "usr/share/i18n/SUPPORTED", tmp_path / "SUPPORTED")
    assert run_first(prepared).stdout.count("not set: ") == 2
    shutil.move(tmp_path / "zone", zone)
    assert run_setup(prepared).returncode == 0
    assert (prepared.root / "etc/localtime").is_symlink()
    assert "not set: locale: unknown locale on this system: de_DE.UTF-8" in prepared.status["message"]
    assert "timezone" not in prepared.status["message"]
    assert prepared.status["state"] == "ok"


# -------------------------------------------------------------------------------------------------------------- errors


@needs_openssl
def test_setup_rejects_bundle_not_signed_with_a_trusted_key(bundle: Path, tmp_path: Path) -> None:
    for name in ("mine", "other"):
        keys.new(tmp_path / f"{name}.pem")
    for number, (sign, match) in enumerate(
        ((None, "is not signed"), ("other", "none of the trusted keys"), ("mine", None))
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        given = bundle if sign is None else installable(folder / "b.tar.xz", tmp_path / f"{sign}.pem")
        prepared = started(prepare(folder / "card", bundle=given, trust=[tmp_path / "mine.pub.pem"]), **NO_SETTINGS)
        done = run_setup(prepared)
        if match is None:
            assert done.returncode == 0, done.stderr
            continue
        assert match in done.stderr
        assert (prepared.status["state"], prepared.status["step"]) == ("failed", "check")
        assert not (prepared.root / "opt/edgevision/releases").exists()
        assert not (prepared.root / WANTED).exists()  # final
        assert (prepared.card / "bundle.tar.xz").exists()


@pytest.mark.parametrize(
    ("content", "match"),
    [(b"", "truncated"), (b"no archive" * 100, "not a .tar.xz"), (None, "No such file")],
)
def test_setup_reports_a_damaged_bundle_in_one_line(content: bytes | None, match: str, tmp_path: Path) -> None:
    prepared = started(prepare(tmp_path), **NO_SETTINGS)
    if content is None:
        (prepared.card / "bundle.tar.xz").unlink()
    else:
        (prepared.card / "bundle.tar.xz").write_bytes(content)
    done = run_setup(prepared)
    assert done.returncode == 1
    assert match in done.stderr
    assert done.stderr.count("\n") == 1
    assert prepared.status["state"] == "failed"


def test_setup_removes_the_settings_after_a_rejected_bundle(tmp_path: Path) -> None:
    prepared = started(prepare(tmp_path), **NO_SETTINGS)  # a bundle for another machine
    prepared.device(system={"user": {"password_hash": HASH}})
    assert "is for riscv64" in run_setup(prepared).stderr
    assert HASH.encode() not in (prepared.card / "device.json").read_bytes()
    assert not (prepared.root / WANTED).exists()


# ---------------------------------------------------------------------------------------------------- first prediction


def test_setup_keeps_trying_until_the_camera_appears(bundle: Path, tmp_path: Path) -> None:
    prepared = started(prepare(tmp_path, bundle=bundle), **NO_SETTINGS)
    last = ["2026-11-21T08:26:08.760Z camera_lost: gone", "edgevision: error: there is no camera 0"]
    for _ in range(ATTEMPTS + 1):  # no limit, since no attempt was interrupted
        with pytest.raises(NotRunning):
            set_up(prepared, Board(None, last))
        assert prepared.status["message"] == f"the service is not ready after {READY_S} s: there is no camera 0"
        assert (prepared.status["state"], prepared.status["step"]) == ("failed", "service")
        assert (prepared.root / WANTED).exists()
    set_up(prepared, Board(60))
    assert prepared.status["state"] == "ok"


def test_start_does_not_wait_for_a_failed_service() -> None:
    board = Board(None, ["edgevision: error: --fps and --source exclude each other"])
    board.state = "failed"
    with pytest.raises(NotRunning, match="will not be restarted: --fps and --source exclude each other"):
        board.starter().start()
    assert board.seconds < READY_S


def test_answer_is_none_if_not_in_the_journal() -> None:
    board = Board(0, ["2026-11-21T08:26:08.760Z entered: first_answer: x", "first_answer: y"])
    starter = board.starter()
    starter.start()
    assert starter.answer() is None
    assert board.seconds >= ANSWER_S


# ----------------------------------------------------------------------------------------------------------- power cuts

KILLED = """
import os, signal, sys
wanted, pyz = sys.argv[1:3]
sys.path.insert(0, pyz)
from edgevision_install.base import status
from edgevision_install.__main__ import main
step = status.Status.step
def until(self, name, message, release=""):
    step(self, name, message, release)
    if name == wanted:
        os.kill(os.getpid(), signal.SIGKILL)
status.Status.step = until
sys.exit(main(sys.argv[3:]))
"""
KILLED_AT = ("room", "check", "unpack", "environment", "prove", "switch", "service", "clean")


def killed_at(prepared: Prepared, step: str) -> None:
    kept = prepared.root / setup_unit.HOME / "install.pyz"
    arguments = [step, kept, "--setup", prepared.card, "--root", prepared.root]
    command = [sys.executable, "-I", "-c", KILLED, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == -9, done.stderr


@pytest.mark.parametrize("step", KILLED_AT)
def test_setup_recovers_from_a_power_cut_at_each_step(step: str, bundle: Path, tmp_path: Path) -> None:
    prepared = started(prepare(tmp_path, bundle=bundle), **NO_SETTINGS)
    killed_at(prepared, step)
    assert (prepared.status["state"], prepared.status["step"]) == ("running", step)
    done = run_setup(prepared)
    assert done.returncode == 0, done.stderr
    assert prepared.status["state"] == "ok"
    releases = prepared.root / "opt/edgevision/releases"
    assert [one.name for one in releases.iterdir()] == [prepared.current.name]
    assert (prepared.current / "installed.json").exists()
    assert not (prepared.card / "bundle.tar.xz").exists()
    assert not (prepared.root / WANTED).exists()


def test_setup_stops_after_repeated_crashes(bundle: Path, tmp_path: Path) -> None:
    prepared = started(prepare(tmp_path, bundle=bundle), **NO_SETTINGS)
    for _ in range(ATTEMPTS):
        killed_at(prepared, "environment")
    done = run_setup(prepared)
    assert done.returncode == 1
    assert f"was interrupted {ATTEMPTS} times" in done.stderr
    assert "(last step: environment: installing 2 libraries)" in done.stderr
    assert prepared.status["state"] == "failed"
    assert not (prepared.root / WANTED).exists()
    assert not (prepared.root / "opt/edgevision/current").exists()


# ------------------------------------------------------------------------------------------------------------ full disks


def mounted(folder: Path, size: str, prepared: Prepared, *options: object) -> subprocess.CompletedProcess[str]:
    """Run install.pyz with ``folder`` on a small file system that holds its previous content."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("needs root rights and unshare for a small file system")
    copy = folder.parent / "copy"
    kept = prepared.root / setup_unit.HOME / "install.pyz"
    pyz = tmp = folder.parent / "kept.pyz"
    shutil.copyfile(kept, tmp)
    script = (
        'cp -a "$1" "$2" && mount -t tmpfs -o size="$3" tmpfs "$1" && cp -a "$2/." "$1/" || exit 77; python=$4; shift 4;'
        ' "$python" -I "$@"; code=$?; cat "$STATUS"; exit $code'
    )
    arguments = [folder, copy, size, sys.executable, pyz, *options, "--root", prepared.root]
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, "sh", *map(str, arguments)],
        env={**os.environ, "STATUS": str(prepared.card / "status.json")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode == 77 or done.stderr.startswith("unshare: "):
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    assert "Traceback" not in done.stderr, done.stderr
    return done


@pytest.mark.parametrize(
    ("left", "step", "match"),
    [(2, "unpack", "not enough disk space"), (12, "environment", "No space left on device")],
)
def test_setup_reports_a_full_root_file_system(left: int, step: str, match: str, bundle: Path, tmp_path: Path) -> None:
    prepared = started(prepare(tmp_path, bundle=bundle), **NO_SETTINGS)
    opt = prepared.root / "opt"
    done = mounted(opt, str(used(opt) + left * 4096), prepared, "--setup", prepared.card)
    assert done.returncode == 1
    assert match in done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert (told["state"], told["step"]) == ("failed", step)


def used(folder: Path) -> int:
    """Return the size of all files in bytes, rounded up to pages."""
    return sum(-(-path.stat().st_size // 4096) * 4096 for path in folder.rglob("*") if path.is_file())


def test_setup_finishes_on_a_full_card(bundle: Path, tmp_path: Path) -> None:
    prepared = started(prepare(tmp_path, bundle=bundle), **NO_SETTINGS)
    done = mounted(prepared.card, str(used(prepared.card) + 4096), prepared, "--setup", prepared.card)
    assert "cannot write" in done.stderr
    assert (prepared.current / "installed.json").exists()


# --------------------------------------------------------------------------------------------------------------- releases


def test_install_keeps_two_releases_and_removes_incomplete_ones(bundle: Path, tmp_path: Path) -> None:
    prepared = started(prepare(tmp_path, bundle=bundle), **NO_SETTINGS)
    releases = prepared.root / "opt/edgevision/releases"
    names = []
    for number in range(3):
        half = releases / f"half-{number:012d}"
        half.mkdir(parents=True)
        made = installable(tmp_path / f"{number}.tar.xz", model=b"another model\n" * (500 + number))
        pyz = prepared.card / "install.pyz"
        command = [sys.executable, "-I", pyz, made, "--root", prepared.root]
        subprocess.run([str(one) for one in command], check=True, capture_output=True, timeout=300)
        names.append(prepared.current.name)
        assert {one.name for one in releases.iterdir()} == set(names[-2:])
    assert len(set(names)) == 3


def test_setup_unit_is_valid(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    text = setup_unit.UNIT.replace("/usr/bin/python3", "/bin/true").replace("/boot/firmware", "/")
    (tmp_path / setup_unit.NAME).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", tmp_path / setup_unit.NAME],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert setup_unit.NAME not in done.stderr
    assert "network-online" not in text
    assert "Type=oneshot" not in text
