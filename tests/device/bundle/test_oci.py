"""Tests of ``edgevision bundle --format oci``; ``make test-container`` builds and runs the image."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import small_bundle
import yaml
from edgevision.device.bundle import make as forms
from edgevision.device.bundle.build import BundleOptions
from edgevision.device.bundle.oci.context import context
from edgevision.device.bundle.oci.devices import camera_devices
from edgevision.device.bundle.target import Target
from edgevision.device.installer.archive.verify import read
from edgevision.device.loop.health_file import HealthFile
from edgevision.device.loop.sd_notify import from_environment
from edgevision.device.service.health_check import problem

from edgevision.errors import BadInput, OutputExists


def folder_of(tmp_path: Path, arch: str = "aarch64", devices: tuple[str, ...] = ()) -> dict[str, bytes]:
    bundle = small_bundle.build(tmp_path / "b.tar.xz", arch=arch)
    return context(bundle.read_bytes(), read(bundle).manifest, b"installer", 'camera = "0"\n', devices)


def compose(files: dict[str, bytes]) -> dict[str, Any]:
    """Return the service of compose.yaml."""
    service = yaml.safe_load(files["compose.yaml"])["services"]["edgevision"]
    assert isinstance(service, dict)
    return service


@pytest.mark.parametrize(("arch", "emulated"), [("aarch64", True), ("x86_64", False)])
def test_recipe_is_complete(arch: str, emulated: bool, tmp_path: Path) -> None:
    files = folder_of(tmp_path, arch)
    recipe = files["Containerfile"].decode()
    assert list(files)[-1] == "Containerfile" and "@" not in recipe
    copied = {
        name
        for line in recipe.splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for name in line.split()[1:-1]
    }
    assert copied == {"bundle.tar.xz", "install.pyz", "run.toml"} and copied < set(files)
    assert ("QEMU_CPU=" in recipe) is emulated
    assert "debian:bookworm-slim" in recipe and "\nUSER 10001\n" in recipe


def test_compose_file_hands_over_what_the_loop_opens(tmp_path: Path) -> None:
    service = yaml.safe_load(folder_of(tmp_path, devices=("/dev/video0", "/dev/gpiochip0"))["compose.yaml"])[
        "services"
    ]["edgevision"]
    assert service["devices"] == ["/dev/video0:/dev/video0", "/dev/gpiochip0:/dev/gpiochip0"]
    assert service["group_add"] == ["44"] and service["cap_drop"] == ["ALL"] and service["read_only"] is True
    assert "devices" not in compose(folder_of(tmp_path))


@pytest.mark.parametrize(
    ("options", "devices"),
    [
        ({}, ("/dev/video0",)),
        ({"camera": "2"}, ("/dev/video2",)),
        ({"camera": "/dev/v4l/by-id/usb-x"}, ("/dev/v4l/by-id/usb-x",)),
        ({"camera": "rtsp://10.0.0.9/s"}, ()),
        ({"camera": "test:"}, ()),
        ({"source": "/srv/film.mp4"}, ()),
    ],
)
def test_devices_follow_the_camera(options: dict[str, str], devices: tuple[str, ...]) -> None:
    assert camera_devices(options) == devices


def test_folder_is_not_replaced_unless_asked(tmp_path: Path) -> None:
    there = tmp_path / "image"
    there.mkdir()
    wish = BundleOptions(tmp_path / "m.tflite", Target("3.11", "aarch64"), form="oci", output=there)
    with pytest.raises(
        OutputExists, match="already exists; give another name with -o, or replace its files with --over"
    ):
        forms.make(wish)


def test_configuration_with_a_password_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = forms.Contents(
        read(small_bundle.build(tmp_path / "b.tar.xz")).manifest, {}, {"camera": "rtsp://me:hush@10.0.0.9/s"}
    )
    monkeypatch.setattr(forms, "contents", lambda wish, step: found)
    wish = BundleOptions(tmp_path / "m.tflite", Target("3.11", "aarch64"), form="oci", output=tmp_path / "image")
    with pytest.raises(BadInput, match="holds a password or a token, and images are copied to registries") as error:
        forms.make(wish)
    assert "hush" not in str(error.value) and not (tmp_path / "image").exists()


def test_health_is_written_without_systemd(tmp_path: Path) -> None:
    assert from_environment({}) is None
    service = from_environment({"RUNTIME_DIRECTORY": str(tmp_path), "WATCHDOG_USEC": "30000000"})
    assert service is not None and service.watchdog_s == 30
    service.recognized(lambda: "fine", 5)
    written = (tmp_path / "health.json").stat().st_mtime
    assert problem(tmp_path, written + 59) is None
    assert problem(tmp_path, written + 61) == "no frame was recognized for 61 s"


def test_health_check_says_why_it_fails(tmp_path: Path) -> None:
    assert "no frame was recognized yet" in str(problem(tmp_path, 0))
    HealthFile(tmp_path).waiting_for("camera")
    now = (tmp_path / "health.json").stat().st_mtime
    assert problem(tmp_path, now) == "waiting for camera"
    (tmp_path / "health.json").write_text("{")
    os.utime(tmp_path / "health.json", (now, now))
    assert "cannot be read" in str(problem(tmp_path, now))
