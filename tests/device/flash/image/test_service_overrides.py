"""Tests of a device's own loop options, which override the bundle's, and of the drop-in as read by systemd."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from edgevision.device.flash.config.records import DeviceConfig, User
from edgevision.device.flash.image.service_overrides import extras
from edgevision.device.installer.archive.manifest import Entry, Manifest
from edgevision.device.installer.boot.boot_partition import Device
from edgevision.device.installer.boot.service_overrides import PLACES, place_extras
from edgevision.device.loop import config_file
from edgevision.device.outputs.parse import parse_spec
from edgevision.device.service.access import Access
from edgevision.device.service.unit import CONFIG, UNIT, UnitPlan, drop_in_text, unit_text

from edgevision.errors import BadInput

MANIFEST = Manifest("model-0123456789ab", "3.11", "aarch64", "0.1.0", {})
BUNDLED = b'model = "model.tflite"\ncamera = "0"\ntop = 3\non_motion = true\n'
URL = "rtsp://me:secret@10.0.0.7/live"


def made(bundled: bytes = BUNDLED, **options: Any) -> dict[str, bytes]:
    return extras(DeviceConfig("shelfcam", User("edge"), run=options), MANIFEST, bundled)


def test_extras_are_empty_without_own_options() -> None:
    assert made() == {}


def test_own_options_override_those_of_the_bundle(tmp_path: Path) -> None:
    found = made(source=URL, top=1, on_motion=False)
    assert found.keys() == PLACES.keys()
    own = tomllib.loads(found["run.toml"].decode())
    assert own == {"source": URL, "top": 1, "on_motion": False}
    for name, data in (("bundled.toml", BUNDLED), ("own.toml", found["run.toml"])):
        (tmp_path / name).write_bytes(data)
    both = config_file.read_all([tmp_path / "bundled.toml", tmp_path / "own.toml"])
    assert both == {"model": tmp_path / "model.tflite", "source": URL, "top": 1, "on_motion": False}


def test_service_reads_both_files_in_order() -> None:
    text = made(top=1)["service.conf"].decode()
    first, second = (line for line in text.splitlines() if line.startswith("ExecStart="))
    assert first == "ExecStart="
    assert second == (
        "ExecStart=/opt/edgevision/current/venv/bin/python -m edgevision run --config /opt/edgevision/current/run.toml "
        "--config /etc/edgevision/run.toml --no-json --no-events"
    )
    assert f"--config /{PLACES['run.toml']} " in second
    assert f"/{PLACES['service.conf'].parent}" == f"{UNIT}.d"


@pytest.mark.parametrize(
    ("options", "bundled", "credentials"),
    [
        ({"top": 1}, BUNDLED, []),
        ({"camera": URL}, BUNDLED, ["device.toml:/etc/edgevision/run.toml"]),
        (
            {"top": 1},
            BUNDLED.replace(b'"0"', URL.encode().join([b'"'] * 2)),
            ["run.toml:/opt/edgevision/current/run.toml"],
        ),
    ],
)
def test_configurations_with_a_password_are_credentials(
    options: dict[str, Any], bundled: bytes, credentials: list[str]
) -> None:
    text = made(bundled, **options)["service.conf"].decode()
    assert "secret" not in text
    found = [line.removeprefix("LoadCredential=") for line in text.splitlines() if line.startswith("LoadCredential=")]
    assert found == credentials
    for one in credentials:
        name, _, path = one.partition(":")
        assert f"--config ${{CREDENTIALS_DIRECTORY}}/{name} " in text and f"--config {path} " not in text


@pytest.mark.parametrize(
    ("options", "bundled", "reaches"),
    [
        ({"camera": URL}, BUNDLED, True),
        ({"source": URL}, BUNDLED, True),
        ({"top": 1}, BUNDLED.replace(b'"0"', b'"rtsp://cam/1"'), True),
        ({"top": 1}, BUNDLED, False),
        ({"camera": "1"}, BUNDLED.replace(b'"0"', b'"rtsp://cam/1"'), False),
        ({"source": "test:"}, BUNDLED.replace(b'"0"', b'"rtsp://cam/1"'), False),
    ],
)
def test_network_access_follows_the_merged_options(
    options: dict[str, Any], bundled: bytes, reaches: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # a folder that the service cannot see: values must be classified by their form only
    lines = made(bundled, **options)["service.conf"].decode().splitlines()
    assert ("IPAddressDeny=any" in lines) is not reaches
    assert ("RestrictAddressFamilies=AF_UNIX AF_NETLINK AF_INET AF_INET6" in lines) is reaches


@pytest.mark.parametrize("reaches", [True, False])
def test_systemd_applies_the_drop_in(reaches: bool, tmp_path: Path) -> None:
    """The unit has the opposite setting, which the drop-in must override."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed here (Debian: apt install systemd)")
    python = PurePosixPath(sys.executable)
    unit, more = tmp_path / UNIT.name, tmp_path / f"{UNIT.name}.d" / "device.conf"
    unit.write_text(unit_text(UnitPlan(python, access=Access(network=not reaches))))
    more.parent.mkdir()
    more.write_text(drop_in_text(UnitPlan(python, access=Access(network=reaches)), CONFIG))

    def analyze(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = ["systemd-analyze", *map(str, arguments), str(unit)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    done = analyze("verify", "--man=no")
    # systemd rejects two ExecStart= unless the service is oneshot, so the drop-in must reset the first one.
    assert [line for line in (done.stdout + done.stderr).splitlines() if "edgevision" in line] == []
    judged = analyze("security", "--offline=true", "--json=short")
    if judged.returncode and not judged.stdout:
        pytest.skip("this systemd-analyze cannot analyze a unit file")
    limited = {one["json_field"]: one["set"] for one in json.loads(judged.stdout)}
    assert limited["IPAddressDeny"] is not reaches
    assert limited["RestrictAddressFamilies_AF_INET_INET6"] is not reaches
    assert limited["RestrictAddressFamilies_OTHER"] is True
    more.write_text(more.read_text().replace("ExecStart=\n", ""))
    assert "more than one ExecStart" in analyze("verify", "--man=no").stderr, "the test would not detect an error"


def test_drop_in_opens_what_the_outputs_of_the_device_need(tmp_path: Path) -> None:
    names = ("wheels/prometheus_client-0.21-py3-none-any.whl", "wheels/gpiod-2.2-py3-none-any.whl")
    manifest = replace(MANIFEST, files={name: Entry(1, "0" * 64) for name in names})
    outputs = (parse_spec("metrics:9100"), parse_spec("gpio:gpiochip0/17=cat,hold=2s"))
    found = extras(DeviceConfig("shelfcam", User("edge"), run={"outputs": outputs}), manifest, BUNDLED)
    lines = found["service.conf"].decode().splitlines()
    for line in (
        "IPAddressAllow=",
        "IPAddressAllow=localhost",
        "DeviceAllow=/dev/gpiochip0 rw",
        "SupplementaryGroups=gpio",
    ):
        assert line in lines
    (tmp_path / "run.toml").write_bytes(found["run.toml"])
    assert [one.spec for one in config_file.read(tmp_path / "run.toml")["outputs"]] == [one.spec for one in outputs]

    card, root = tmp_path / "card", tmp_path / "root"
    for folder in (card, root / "etc"):
        folder.mkdir(parents=True)
    (root / "etc/group").write_text("video:x:44:\n")
    (card / "service.conf").write_bytes(found["service.conf"])
    (card / "run.toml").write_bytes(found["run.toml"])
    place_extras(card, Device("shelfcam", "r", "systemd", (), None, service=True), root)
    placed = (root / PLACES["service.conf"]).read_text()
    assert "DeviceAllow=/dev/gpiochip0 rw" in placed
    assert "SupplementaryGroups" not in placed, "systemd starts no unit that names a missing group"


def test_output_whose_library_the_bundle_lacks_is_refused() -> None:
    with pytest.raises(
        BadInput, match="output metrics:9100 needs prometheus-client, which is not in the bundle; build"
    ):
        made(outputs=(parse_spec("metrics:9100"),))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"limit": 5}, "limit = 5 would end the service"),
        ({"summary": Path("/root/s.json")}, "the service can only write below /var/lib/edgevision"),
        ({"source": "/home/me/film.mp4"}, "the service cannot read home directories"),
    ],
)
def test_extras_reject_options_unfit_for_a_service(options: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=said) as caught:
        made(**options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("bundled", [b"\xff\xfe", b"top = = 1", b"tpo = 1"])
def test_extras_report_an_unreadable_bundle_configuration(bundled: bytes) -> None:
    with pytest.raises(BadInput, match=r"run\.toml") as caught:
        made(bundled, top=1)
    assert "\n" not in str(caught.value)
