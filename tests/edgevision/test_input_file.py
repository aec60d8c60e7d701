"""Only regular files are read and replaced: a pipe, a device, a socket or a folder is one line."""

from __future__ import annotations

import os
import re
import socket
import sys
from pathlib import Path

import pytest
from command_line import edgevision
from locations import ROOT

from edgevision import default_model, input_file
from edgevision.errors import BadInput, MissingFile, OutputExists
from edgevision.files.atomic import require_absent, write_bytes
from edgevision.input_file import open_file, read_file, require_file

KINDS = {"pipe": "a pipe", "folder": "a folder", "socket": "a socket", "device": "a device"}


@pytest.fixture(params=KINDS)
def other(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str]:
    """A path that is not a regular file, and what messages call it."""
    path = tmp_path / request.param
    if request.param == "pipe":
        os.mkfifo(path)
    elif request.param == "folder":
        path.mkdir()
    elif request.param == "device":
        path.symlink_to("/dev/zero")
    else:
        before = Path.cwd()
        os.chdir(tmp_path)  # the path of a socket has at most 107 bytes
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(request.param)
        os.chdir(before)
    return path, KINDS[request.param]


def test_other_kinds_are_refused(other: tuple[Path, str]) -> None:
    path, kind = other
    for read in (require_file, open_file, lambda path, what: read_file(path, what, 10**6)):
        with pytest.raises(MissingFile, match=f"^model must be a file, but {re.escape(str(path))} is {kind}$"):
            read(path, "model")


def test_other_kinds_are_not_replaced(other: tuple[Path, str]) -> None:
    path, kind = other
    with pytest.raises(OutputExists, match=f"it is {kind}; give a file name"):
        require_absent(path, overwrite=True)
    with pytest.raises(OutputExists, match=f"it is {kind}; give a file name"):
        write_bytes(path, b"")


def test_missing_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "absent", tmp_path / "file" / "below"):
        with pytest.raises(MissingFile, match="model not found"):
            require_file(path, "model")
    with pytest.raises(MissingFile, match="model not found"):
        open_file(tmp_path / "absent", "model")


def test_name_with_a_zero_byte_is_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="model not found"):
        require_file(tmp_path / "nul\0.tflite", "model")
    with pytest.raises(MissingFile, match="model not found"):
        open_file(tmp_path / "nul\0.tflite", "model")


def test_size_is_limited(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    path.write_bytes(b"x" * 1000)
    assert read_file(path, "label file", 1000) == b"x" * 1000
    with pytest.raises(BadInput, match=r"too large for a label file: 0.0 MB; at most 0.000999 MB"):
        read_file(path, "label file", 999)
    os.truncate(path, 2**40)  # sparse: takes no room on the disk
    with pytest.raises(BadInput, match="too large"):
        read_file(path, "label file", 10**6)


def test_file_without_content_yet_reads_as_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "f")
    monkeypatch.setattr(input_file, "_refuse", lambda *_: None)
    with open_file(tmp_path / "f", "file") as stream:
        writer = os.open(tmp_path / "f", os.O_WRONLY)
        assert stream.read(8) == b"" and stream.read() == b""
        os.write(writer, b"some")
        assert stream.read(8) == b"some"
        os.close(writer)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_file_that_states_no_size_is_read(tmp_path: Path) -> None:
    assert b"Linux" in read_file(Path("/proc/version"), "version", 10**6)
    with pytest.raises(BadInput, match="too large"):
        read_file(Path("/proc/version"), "version", 10)


READERS = (
    ("inspect", "{}.tflite"),
    ("run", "{}.tflite", "--source", "test:"),
    ("card", "{}.tflite", "--task", "classification", "-o", "o.tflite"),
    ("card", "MODEL", "--labels", "{}.txt", "-o", "o.tflite"),
    ("run", "--config", "{}.toml"),
    ("run", "MODEL", "--source", "{}.jpg"),
    ("run", "MODEL", "--source", "{}.mp4"),
    ("evaluate", "MODEL", "{}.csv"),
    ("evaluate", "MODEL", "{}.zip"),
    ("data", "check", "{}.csv"),
    ("bench", "{}.tflite"),
    ("export", "{}.tflite", "--to", "web"),
    ("bench", "compare", "{}.json", "{}.json"),
    ("bundle", "{}.tflite"),
    ("bundle", "verify", "{}.tar.xz"),
    ("keys", "show", "{}.pem"),
    ("flash", "config", "--check", "{}.toml"),
    ("flash", "check", "{}.img"),
    ("flash", "status", "{}.img"),
    ("teach", "--list", "--model", "{}.tflite"),
    ("label", ".", "--model", "{}.tflite"),
    ("train", ".", "--from", "{}.tflite"),
    ("train", ".", "--from", "{}.keras"),
    ("pull", "pi@door.test", "--ssh-config", "{}.conf"),
    ("service", "install", "--config", "{}.toml", "--root", "root"),
)


@pytest.mark.parametrize("command", READERS, ids=" ".join)
def test_no_command_waits_for_a_pipe_or_reads_a_device(command: tuple[str, ...], tmp_path: Path) -> None:
    for name in next(re.findall(r"\{\}(\.[a-z.]+)", one) for one in command if "{}" in one):
        os.mkfifo(tmp_path / f"pipe{name}")
        (tmp_path / f"device{name}").symlink_to("/dev/zero")
    for kind in ("pipe", "device"):
        arguments = [default_model.path() if one == "MODEL" else one.replace("{}", kind) for one in command]
        done = edgevision(*arguments, cwd=tmp_path)
        assert done.returncode in (1, 2) and not done.stdout
        assert len(done.stderr.splitlines()) == 1, done.stderr


PLAIN = re.compile(
    r"\.read_bytes\(|(?<!csv_labels)\.read_text\(|\.open\(\"rb\"|\bopen\([^)]*\"rb\"|is_zipfile\((?!require_file)"
)
"""Reads a path without looking at what it is."""
OWN = {
    # file: why it may
    "edgevision/engines/probe.py": "/proc",
    "edgevision/engines/edgetpu_devices.py": "/sys",
    "convert/keras_files/sandbox.py": "/proc",
    "convert/training/network/starter_weights.py": "a file of an installed package",
    "convert/training/folder.py": "the checkpoint that the training wrote itself",
    "convert/training/input/image_cache.py": "/proc and /sys",
    "convert/training/report/html.py": "a chart written just before",
    "convert/demo/run_loop.py": "a summary written just before",
    "device/deploy/ssh.py": "the installed package, and what ssh wrote",
    "device/deploy/package.py": "a bundle that was just checked and unpacked",
    "device/deploy/programs/probe.py": "runs on the device, with the standard library only",
    "device/deploy/programs/receive.py": "runs on the device, with the standard library only",
    "device/bundle/own_wheel.py": "the installed package",
    "device/export/c_array/trial.py": "what its parent wrote for it",
    "device/bundle/installer_pyz.py": "the installed package",
    "device/bundle/deb/package.py": "the installed package",
    "device/bundle/oci/context.py": "the installed package",
    "device/cameras/backends/v4l2_nodes.py": "/sys",
    "device/system/host.py": "/proc and /sys",
    "device/outputs/webhook/spool.py": "files that the output wrote into a folder of its own",
    "device/outputs/clips/encoder.py": "a temporary file of its child process",
    "convert/edgetpu/compiler.py": "the file that its child process made in a folder of its own",
    "device/export/phones/template.py": "files of the installed package",
    "device/export/web/app_files.py": "files of the installed package",
    "device/page/assets.py": "files of the installed package",
    "device/system/throttling.py": "/sys",
    "device/system/process_stats.py": "/proc",
    "device/bench/machine_state.py": "/sys",
    "device/fleet/role_files.py": "the installed package",
    "device/fleet/role/action_plugins/edgevision_release.py": "in Ansible, where edgevision may not be installed",
    "device/flash/config/host_defaults.py": "/etc",
    "device/flash/config/locale.py": "/usr/share",
    "device/flash/disk/block_devices.py": "/proc and /sys",
    "device/flash/image/boot_partition.py": "a drive or an image",
    "device/flash/image/check.py": "a drive or an image",
}


def test_every_file_from_outside_is_read_by_the_one_mechanism() -> None:
    found = {
        path.relative_to(ROOT).as_posix()
        for folder in ("edgevision", "convert", "device")
        for path in (ROOT / folder).rglob("*.py")
        if PLAIN.search(path.read_text()) and "device/installer" not in path.as_posix()
    }
    assert found <= OWN.keys(), f"use edgevision.input_file in {sorted(found - OWN.keys())}"
    assert found >= OWN.keys(), f"no longer needed here: {sorted(OWN.keys() - found)}"
