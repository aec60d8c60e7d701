"""Tests of ``edgevision doctor`` on fake Raspberry Pis, working and broken, and on this machine."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from command_line import edgevision
from documents import parse
from edgevision.device.doctor import health
from edgevision.device.doctor.fakes import (
    CAMERAS,
    LIBRARY,
    MACHINES,
    PI_4,
    PI_4_THROTTLED,
    PI_5,
    PI_ZERO_2,
    FakeMachine,
    build,
)
from edgevision.device.doctor.result import Check, Section
from edgevision.device.doctor.run_checks import STEPS, examine
from edgevision.device.doctor.terminal import text
from edgevision.device.system import host
from edgevision.device.system.host import ProcessResult

Examined = Callable[..., dict[str, Check]]


@pytest.fixture
def examined(tmp_path: Path) -> Examined:
    """Return the checks of a fake machine by name; keyword arguments change the machine."""

    def examine_it(machine: FakeMachine, **changes: Any) -> dict[str, Check]:
        sections = examine(build(replace(machine, **changes), tmp_path))
        return {check.name: check for section in sections for check in section.checks}

    return examine_it


def wrong(checks: dict[str, Check]) -> set[str]:
    return {name for name, check in checks.items() if check.ok is False}


def broken(checks: dict[str, Check]) -> set[str]:
    return {name for name, check in checks.items() if check.broken}


# --- whole machines


@pytest.mark.parametrize(
    ("machine", "wrong_here"),
    [("pi4", set()), ("pi5", set()), ("pi-zero-2", {"pointers"}), ("pi4-throttled", {"temperature", "throttling"})],
)
def test_working_machine_has_no_broken_check(machine: str, wrong_here: set[str], examined: Examined) -> None:
    checks = examined(MACHINES[machine])
    assert wrong(checks) == wrong_here and not broken(checks)
    assert checks["board"].found.startswith("Raspberry Pi")
    assert checks["cameras"].ok
    for check in checks.values():
        assert check.found and (check.ok is not False or check.fix), f"{check.name} has no fix"
        assert "\n" not in check.found + (check.fix or "")


def test_32_bit_system_on_64_bit_kernel_is_reported(examined: Examined) -> None:
    check = examined(PI_ZERO_2)["pointers"]
    assert "32 bit, under a 64-bit kernel (aarch64)" in check.found and "tflite-runtime" in (check.fix or "")
    trixie = {"PRETTY_NAME": "Raspbian GNU/Linux 13 (trixie)", "VERSION_CODENAME": "trixie"}
    assert "pointers" in broken(examined(PI_ZERO_2, release=trixie)), "there is no runtime for it"
    assert "no TFLite runtime" in examined(PI_ZERO_2, kernel="armv6l")["pointers"].found


@pytest.mark.parametrize(
    ("version", "ok"), [((3, 10, 12), False), ((3, 11, 0), True), ((3, 13, 9), True), ((3, 14, 0), False)]
)
def test_python_version_range(version: tuple[int, int, int], ok: bool, examined: Examined) -> None:
    assert examined(PI_4, python=version)["Python"].ok is ok


# --- packages


def test_crashing_or_hanging_import_is_a_failed_check(examined: Examined) -> None:
    checks = examined(PI_4, answers={"cv2": ProcessResult(-11), "ai_edge_litert.interpreter": ProcessResult(None)})
    assert "importing it crashed (SIGSEGV)" in checks["OpenCV"].found
    assert "did not finish within" in checks["LiteRT"].found
    assert broken(checks) == {"OpenCV", "LiteRT"}


def test_one_working_runtime_is_enough(examined: Examined) -> None:
    both = {**PI_4.versions, "tflite-runtime": "2.14.0"}
    assert not broken(examined(PI_4, versions=both, answers={"ai_edge_litert.interpreter": ProcessResult(-11)}))
    none = {name: version for name, version in PI_4.versions.items() if name != "ai-edge-litert"}
    check = examined(PI_4, versions=none)["LiteRT"]
    assert check.broken and check.fix == "pip install ai-edge-litert"


def test_32_bit_system_is_offered_apt_packages(examined: Examined) -> None:
    checks = examined(PI_ZERO_2, versions={})
    assert broken(checks) == {"numpy", "OpenCV", "tflite-runtime"}
    assert checks["numpy"].fix == "sudo apt install python3-numpy"


def test_picamera2_hidden_by_a_virtual_environment(examined: Examined) -> None:
    versions = {name: version for name, version in PI_4.versions.items() if name != "picamera2"}
    apt = {"/usr/lib/python3/dist-packages/picamera2/__init__.py": ""}
    check = examined(PI_4, versions=versions, files=apt)["picamera2"]
    assert "not visible in this virtual environment" in check.found and not check.broken
    assert check.fix == "/usr/bin/python3 -m venv --system-site-packages .venv"


def test_missing_shared_library_is_not_reported_as_not_installed(examined: Examined) -> None:
    said = ProcessResult(1, "", "ImportError: libGL.so.1: cannot open shared object file: No such file or directory")
    check = examined(PI_4, answers={"cv2": said})["OpenCV"]
    assert check.broken and "libGL.so.1" in check.found and "opencv-python-headless" in (check.fix or "")


CLASHES = [
    (
        "OpenCV and numpy",
        {"numpy": "1.26.4", "opencv-python-headless": "5.0.0.93", "ai-edge-litert": "2.3.0"},
        {"cv2": ProcessResult(1, "", "ImportError: numpy.core.multiarray failed to import")},
        "OpenCV 5.0.0.93 needs numpy 2, numpy is 1.26.4",
    ),
    (
        "tflite-runtime and numpy",
        {"numpy": "2.4.6", "opencv-python-headless": "5.0.0.93", "tflite-runtime": "2.14.0"},
        {"tflite_runtime.interpreter": ProcessResult(1, "", "AttributeError: _ARRAY_API not found")},
        "tflite-runtime 2.14.0 needs numpy 1, numpy is 2.4.6",
    ),
]


@pytest.mark.parametrize(("pair", "versions", "answers", "found"), CLASHES)
def test_conflicting_pair_is_reported(
    pair: str, versions: dict[str, str], answers: dict[str, ProcessResult], found: str, examined: Examined
) -> None:
    check = examined(PI_4, versions=versions, answers=answers)[pair]
    assert check.broken and found in check.found and "pip" in (check.fix or "")


def test_picamera2_numpy_conflict_is_broken_only_with_csi_camera(examined: Examined) -> None:
    versions = {**PI_5.versions, "numpy": "2.4.6"}
    answers = {
        "picamera2": ProcessResult(1, "", "ValueError: numpy.dtype size changed, may indicate binary incompatibility.")
    }
    raw = {"path": "/dev/video0", "name": "unicam", "reason": "the raw data of a CSI camera"}
    lacking = {"cameras": [], "others": [raw], "hints": ["picamera2 cannot be imported: numpy.dtype size changed"]}
    checks = examined(PI_4, versions=versions, answers=answers, cameras=lacking)
    assert broken(checks) == {"picamera2 and numpy", "picamera2", "libcamera"}
    pair = checks["picamera2 and numpy"]
    assert "numpy is 2.4.6" in pair.found and pair.fix == "pip install 'numpy<2' 'opencv-python-headless<4.12'"
    with_usb = {**PI_4.cameras, "hints": lacking["hints"]}
    checks = examined(PI_4, versions=versions, answers=answers, cameras=with_usb)
    assert not broken(checks) and wrong(checks) == {"picamera2 and numpy", "picamera2", "libcamera"}


def test_two_opencv_packages_are_a_warning_while_the_import_works(examined: Examined) -> None:
    versions = {**PI_5.versions, "opencv-contrib-python": "4.11.0.86"}
    check = examined(PI_5, versions=versions)["OpenCV twice"]
    assert check.ok is False and not check.broken
    assert "opencv-python-headless 5.0.0.93 and opencv-contrib-python 4.11.0.86" in check.found
    assert examined(PI_5, versions=versions, answers={"cv2": ProcessResult(-6)})["OpenCV twice"].broken


# --- cameras and permissions


NONE: dict[str, Any] = {"cameras": [], "others": [], "hints": []}


def test_camera_without_permission_is_broken(examined: Examined) -> None:
    refused = {"path": "/dev/video0", "name": "C920", "reason": "no permission; sudo usermod ..."}
    listed = {**NONE, "others": [refused], "hints": ["this user may not open cameras: sudo usermod ..."]}
    devices = (*PI_4.devices, "/dev/video0")
    outside = {"cameras": listed, "devices": devices, "locked": frozenset({"/dev/video0"}), "groups": frozenset({"pi"})}
    checks = examined(PI_4, **outside, files={"/etc/group": "video:x:44:somebody\n"})
    assert broken(checks) == {"cameras", "group video"}
    assert checks["cameras"].fix == "sudo usermod -aG video pi, then log in again"
    assert "not a member and cannot open /dev/video0" in checks["group video"].found
    later = examined(PI_4, **outside)["group video"]
    assert "only after the next login" in later.found and later.fix == "log out and in again"


def test_root_only_nodes_are_ignored_on_other_machines(examined: Examined) -> None:
    locked = frozenset({"/dev/dma_heap/system"})
    assert broken(examined(PI_4, devices=tuple(locked), locked=locked, groups=frozenset({"pi"}))) == {"group video"}
    laptop = {"board": "", "kernel": "x86_64"}
    assert not broken(examined(PI_4, **laptop, devices=tuple(locked), locked=locked, groups=frozenset({"pi"})))


def test_camera_in_use_passes(examined: Examined) -> None:
    used = {**PI_4.cameras["cameras"][0], "state": "in use by another program"}
    check = examined(PI_4, cameras={**NONE, "cameras": [used]})["cameras"]
    assert check.ok and check.found == "0: HD Pro Webcam C920 (V4L2, in use by another program)"


def test_csi_camera_without_picamera2_shows_what_to_install(examined: Examined) -> None:
    raw = {"path": "/dev/video0", "name": "unicam", "reason": "the raw data of a CSI camera"}
    listed = {**NONE, "others": [raw], "hints": ["a CSI camera needs python3-picamera2"]}
    versions = {name: version for name, version in PI_4.versions.items() if name != "picamera2"}
    checks = examined(PI_4, cameras=listed, versions=versions)
    assert broken(checks) == {"libcamera", "picamera2"}
    assert "sudo apt install python3-picamera2" in (checks["libcamera"].fix or "")
    through_rpicam = {**PI_5.cameras["cameras"][0], "through": "rpicam-vid"}
    assert not broken(examined(PI_4, cameras={**NONE, "cameras": [through_rpicam]}, versions=versions))


def test_crashing_or_hanging_camera_stack_is_a_failed_check(examined: Examined) -> None:
    assert "did not finish" in examined(PI_5, answers={CAMERAS: ProcessResult(None)})["cameras"].found
    assert (
        "listing the cameras crashed (SIGSEGV)"
        in examined(PI_5, answers={CAMERAS: ProcessResult(-11)})["cameras"].found
    )
    odd = examined(PI_5, answers={CAMERAS: ProcessResult(1, "", "edgevision: error: no such thing\n")})["cameras"]
    assert odd.ok is False and odd.found == "edgevision: error: no such thing"


def test_no_camera_is_not_a_failure(examined: Examined) -> None:
    check = examined(PI_4, cameras=NONE)["cameras"]
    assert check.ok is None and "plug one in" in (check.fix or "")


# --- the Edge TPU

USB = "/sys/bus/usb/devices/2-1"
PLUGGED = {
    f"{USB}/idVendor": "1a6e\n",
    f"{USB}/idProduct": "089a\n",
    f"{USB}/busnum": "2\n",
    f"{USB}/devnum": "3\n",
    f"{USB}/speed": "5000\n",
    "/dev/bus/usb/002/003": "",
}
LOADS = {LIBRARY: ProcessResult(0, '{"version": "RuntimeVersion(14)", "devices": ["usb"]}')}


def test_working_edge_tpu(examined: Examined) -> None:
    checks = examined(PI_4, files=PLUGGED, answers=LOADS)
    assert not wrong(checks) and "1a6e:089a on USB" in checks["Edge TPU"].found
    assert "RuntimeVersion(14)" in checks["libedgetpu"].found
    blind = examined(PI_4, files=PLUGGED, answers={LIBRARY: ProcessResult(0, '{"version": "", "devices": []}')})[
        "libedgetpu"
    ]
    assert blind.broken and blind.found == f"{LIBRARY} sees 0 of 1"
    slow = examined(PI_4, files={**PLUGGED, f"{USB}/speed": "480\n"}, answers=LOADS)["Edge TPU"]
    assert slow.ok is False and not slow.needed and "USB 2" in slow.found


def test_edge_tpu_needs_library_and_group(examined: Examined) -> None:
    locked = frozenset({"/dev/bus/usb/002/003"})
    checks = examined(PI_4, files=PLUGGED, locked=locked, groups=frozenset({"pi", "video", "render"}))
    assert broken(checks) == {"Edge TPU", "libedgetpu", "group plugdev"}
    assert "libedgetpu1-std" in (checks["libedgetpu"].fix or "")
    crashing = examined(PI_4, files=PLUGGED, answers={LIBRARY: ProcessResult(-11)})["libedgetpu"]
    assert crashing.broken and "crashed" in crashing.found


def test_pcie_edge_tpu_without_driver(examined: Examined) -> None:
    card = "/sys/bus/pci/devices/0000:01:00.0"
    checks = examined(PI_5, files={f"{card}/vendor": "0x1ac1\n", f"{card}/device": "0x089a\n"}, answers=LOADS)
    assert broken(checks) == {"Edge TPU"} and "gasket-dkms" in (checks["Edge TPU"].fix or "")
    driven = examined(PI_5, devices=(*PI_5.devices, "/dev/apex_0"), answers=LOADS)
    assert driven["Edge TPU"].ok and "/dev/apex_0 on PCIe" in driven["Edge TPU"].found


# --- condition


@pytest.mark.parametrize(
    ("bits", "ok", "said"),
    [
        (None, None, "may not ask the firmware"),
        (0, True, "none"),
        (0x50005, False, "under voltage now, throttled now"),
        (0x10000, False, "under voltage since boot"),
        (0x80008, False, "soft temperature limit now"),
        (0x60000, False, "frequency capped since boot, throttled since boot"),
    ],
)
def test_throttling_bits_are_decoded(bits: int | None, ok: bool | None, said: str, examined: Examined) -> None:
    check = examined(PI_4, throttled=bits)["throttling"]
    assert check.ok is ok and said in check.found and not check.broken


def test_fix_matches_the_finding(examined: Examined) -> None:
    assert "5.1 V" in (examined(PI_4, throttled=0x10000)["throttling"].fix or "")
    assert "heat sink" in (examined(PI_4_THROTTLED)["temperature"].fix or "")


def test_wrong_clock(examined: Examined) -> None:
    check = examined(PI_4, now=0.0)["clock"]
    assert check.ok is False and check.found == "1970-01-01 00:00 UTC: wrong"
    assert examined(PI_4, synchronized=False)["clock"].ok is False
    assert examined(PI_4, synchronized=None)["clock"].ok is None


def test_full_or_read_only_disk(examined: Examined) -> None:
    cramped = examined(PI_4, disk=(20_000_000, 31_000_000_000))["disk"]
    assert cramped.broken and cramped.found == "20 MB of 31.0 GB free"
    assert not examined(PI_4, disk=(100_000_000, 31_000_000_000))["disk"].broken
    read_only = examined(PI_4, files={"/proc/mounts": "/dev/mmcblk0p2 / ext4 ro,noatime 0 0\n"})["root file system"]
    assert read_only.ok is False and "read-only" in read_only.found
    overlay = examined(PI_4, files={"/proc/mounts": "overlay / overlay rw,lowerdir=/lower 0 0\n"})["root file system"]
    assert "changes are lost" in overlay.found


def test_machine_that_reports_nothing_is_handled(tmp_path: Path) -> None:
    bare = replace(
        PI_4,
        board="",
        release={},
        devices=(),
        throttled=None,
        synchronized=None,
        answers={"distributions": ProcessResult(None)},
    )
    machine = build(bare, tmp_path)
    for name in ("proc/meminfo", "proc/mounts", "sys/class/thermal/thermal_zone0/temp", "etc/os-release", "etc/group"):
        (tmp_path / name).write_bytes(b"\xff\xfe garbage")
    checks = [check for section in examine(machine) for check in section.checks]
    assert {check.name for check in checks if check.ok is None} >= {"board", "temperature", "throttling", "clock"}


def test_tensorflow_is_reported_but_not_needed(examined: Examined) -> None:
    absent = examined(PI_4)["TensorFlow"]
    assert absent.ok is None and "only train and convert need it" in absent.found and absent.fix is None
    there = examined(PI_4, versions={**PI_4.versions, "tensorflow": "2.21.0"})["TensorFlow"]
    assert there.ok and there.found.startswith("2.21.0 is installed")


@pytest.mark.parametrize("asked", [True, False])
def test_tensorflow_is_imported_only_on_request(tmp_path: Path, asked: bool) -> None:
    crashes = {"tensorflow": ProcessResult(-4, "", "")}
    host = replace(PI_4, versions={**PI_4.versions, "tensorflow": "2.21.0"}, answers=crashes)
    checks = [check for section in examine(build(host, tmp_path), tensorflow=asked) for check in section.checks]
    check = next(check for check in checks if check.name == "TensorFlow")
    assert check.ok is not asked and not check.broken


def test_tensorflow_is_imported_as_the_only_runtime(examined: Examined) -> None:
    versions = {name: version for name, version in PI_4.versions.items() if name != "ai-edge-litert"}
    works = examined(PI_4, versions={**versions, "tensorflow": "2.21.0"})
    assert works["TensorFlow"].found == "2.21.0" and not works["LiteRT"].broken
    crashes = {"tensorflow": ProcessResult(-4, "", "")}
    fails = examined(PI_4, versions={**versions, "tensorflow": "2.21.0"}, answers=crashes)
    assert fails["TensorFlow"].ok is False and fails["LiteRT"].broken


# --- the report


def test_number_of_progress_steps(tmp_path: Path) -> None:
    done = []
    examine(build(PI_4, tmp_path), lambda: done.append(1))
    assert len(done) == STEPS


def report(sections: tuple[Section, ...], model: Path | None = None, encoding: str = "utf-8") -> str:
    return text(sections, model, io.TextIOWrapper(io.BytesIO(), encoding=encoding))


def test_terminal_report(tmp_path: Path) -> None:
    lines = report(examine(build(PI_4_THROTTLED, tmp_path))).splitlines()
    assert all(line == line.rstrip() for line in lines)
    at = next(number for number, line in enumerate(lines) if "throttling" in line)
    assert "0x50005" in lines[at] and lines[at + 1].strip().startswith("→ the power supply")
    assert lines[-2:] == ["Ready to run, 2 warnings.", "Next: edgevision run --camera 0"]
    out = report((Section("Packages", (Check("numpy", False, "bad \x1b[31m sign", fix="fix it"),)),), Path("m.tflite"))
    assert "\x1b" not in out and "1 of 1 checks failed" in out and "Next" not in out


def test_ascii_only_terminal(tmp_path: Path) -> None:
    lines = report(examine(build(PI_4_THROTTLED, tmp_path)), encoding="ascii").splitlines()
    assert any(line.split() == ["ok", "numpy", "1.26.4"] for line in lines)
    assert any(line.strip().startswith("-> improve the airflow") for line in lines)


def command(*args: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "edgevision", "doctor", *args]
    return subprocess.run(
        line, capture_output=True, text=True, timeout=300, check=False, env={**os.environ, **(env or {})}
    )


def test_this_machine_with_the_bundled_model() -> None:
    from edgevision import default_model

    done = command(str(default_model.path()), "--json")
    report = parse(done.stdout, "doctor")
    assert report["schema"] == "edgevision.doctor/1" and report["model"] == str(default_model.path())
    checks = {check["name"]: check for check in report["checks"]}
    assert all(set(check) >= {"name", "ok", "found", "fix"} for check in checks.values())
    assert checks["numpy"]["ok"] and checks["OpenCV"]["ok"], done.stderr
    assert checks["self-test"]["ok"] and checks["engine"]["found"].startswith("cpu")
    bad = [check["name"] for check in checks.values() if check["ok"] is False and check["needed"]]
    assert done.returncode == (3 if bad else 0), done.stderr


def test_crashing_numpy_does_not_crash_the_doctor(tmp_path: Path) -> None:
    from edgevision import default_model

    (tmp_path / "numpy").mkdir()
    crash = "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n"
    (tmp_path / "numpy" / "__init__.py").write_text(crash)
    done = command(str(default_model.path()), env={"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 3
    assert "importing it crashed (SIGSEGV)" in done.stdout and "not run: numpy" in done.stdout
    assert len(done.stderr.strip().splitlines()) == 1 and done.stderr.startswith(
        "edgevision: error: numpy: importing it"
    )


def test_broken_engine_is_a_failed_check(tmp_path: Path) -> None:
    from edgevision import default_model

    done = edgevision("doctor", default_model.path(), "--engine", "edgetpu", "--json")
    checks = {check["name"]: check for check in parse(done.stdout, "doctor")["checks"]}
    assert done.returncode == 3 and "no model compiled" in checks["engine"]["found"]
    assert "self-test" not in checks


def test_engine_without_model_is_a_usage_error() -> None:
    done = edgevision("doctor", "--engine", "cpu")
    assert done.returncode == 2 and "--engine needs a MODEL" in done.stderr and not done.stdout


def test_failed_self_test_is_a_failed_check(tmp_path: Path) -> None:
    from edgevision import default_model
    from edgevision.model_file import model_file

    file = model_file.read(default_model.path())
    assert file.card is not None and file.card.selftest is not None
    cases = tuple(case._replace(top=(case.top + 1) % 9) for case in file.card.selftest.cases)
    other = tmp_path / "other.tflite"
    card = file.card.with_(selftest=file.card.selftest._replace(cases=cases))
    model_file.write(other, file.flatbuffer, card, file.files)
    done = edgevision("doctor", other)
    assert done.returncode == 3 and "different top class" in done.stdout and "self-test" in done.stderr


def test_querying_this_machine() -> None:
    found = host.here()
    assert found.pointer_bits in (32, 64) and found.user and found.groups
    assert found.disk(Path("/"))[1] > 0
    assert found.synchronized() in (True, False, None)
    assert found.child([sys.executable, "-c", "print(1)"], 60.0) == ProcessResult(0, "1\n", "")
    assert found.child([sys.executable, "-c", "import time; time.sleep(60)"], 0.5).status is None
    assert found.child(["/absent/program"], 5.0).status is None
    assert {check.name for check in health.checks(found)} >= {"clock", "disk"}
