"""Tests of ``edgevision deploy`` without a device: what is sent, what is refused, what ssh's errors mean.

Updates over real SSH are in ``tests/emulated/deploy``.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import small_bundle
from documents import parse as parse_document
from edgevision.device.bundle import keys
from edgevision.device.deploy.deploy import request
from edgevision.device.deploy.device_info import device_info
from edgevision.device.deploy.package import PackageOptions, package
from edgevision.device.deploy.preflight import Check, check
from edgevision.device.deploy.programs import probe
from edgevision.device.deploy.report import all_lines, status_json
from edgevision.device.deploy.ssh import CALL, Device, connect, unreachable
from edgevision.device.installer.archive.manifest import Entry, Manifest, release_id
from edgevision.device.installer.archive.verify import read
from edgevision.device.installer.base.errors import Refused
from edgevision.device.installer.base.loop import UNNAMED, Loop
from edgevision.device.installer.remote.request import SCHEMA, parse
from edgevision.device.installer.remote.update_unit import start_updater
from probed_devices import INSTALLED, SYSTEM, device, with_release

from edgevision import default_model
from edgevision.errors import BadInput, EdgeVisionError

# ----------------------------------------------------------------------------------------------------------- preflight


def failed(checks: list[Check]) -> dict[str, str]:
    return {one.name: one.fix for one in checks if not one.ok}


def manifest(**changes: Any) -> Manifest:
    files = {name: Entry(100, "0" * 63 + str(number)) for number, name in enumerate(sorted(small_bundle.FILES))}
    return replace(Manifest(release_id("m", files), "3.11", "aarch64", "0.1.0", files), **changes)


def test_raspberry_pi_is_ready() -> None:
    assert failed(check(device(), manifest(), False, 1000.0)) == {}


@pytest.mark.parametrize(
    ("system", "name", "fix"),
    [
        ({"arch": "armv7l", "bits": 32}, "architecture", "64-bit"),
        ({"arch": "x86_64"}, "architecture", "build one with --arch x86_64"),
        ({"system_python": "3.13"}, "Python", "build one with --python 3.13"),
        ({"system_python": "3.9"}, "Python", "needs 3.11 or 3.13"),
        ({"system_python": ""}, "Python", "needs 3.11 or 3.13"),
        ({"venv": False}, "Python", "apt install python3-venv"),
        ({"libc": "musl 1.2"}, "C library", "glibc 2.34"),
        ({"libc": "glibc 2.31"}, "C library", "glibc 2.34"),
        ({"systemd": False}, "system", "systemd"),
        ({"free_mb": 3}, "disk space", "needs about 10 MB"),
        ({"available_mb": 100}, "memory", "less than 300 MB"),
        ({"time": 5000.0}, "clock", "set-ntp"),
        ({"time": -5 * 365.25 * 86400}, "clock", "set-ntp"),
        ({"cameras": []}, "camera", "connect one"),
    ],
)
def test_device_that_is_not_ready(system: dict[str, Any], name: str, fix: str) -> None:
    found = failed(check(device(system), manifest(), False, 1000.0))
    assert list(found) == [name]
    assert fix in found[name]


@pytest.mark.parametrize(
    ("installed", "signed", "number", "fix"),
    [
        ({"keys": ["a.pem"]}, False, None, "--sign"),
        ({"keys": ["a.pem"], "newest": "7"}, True, 6, "--allow-downgrade"),
    ],
)
def test_signature_that_the_device_refuses(
    installed: dict[str, Any], signed: bool, number: int | None, fix: str
) -> None:
    found = failed(check(device(None, installed), manifest(number=number), signed, 1000.0))
    assert fix in found["signature"]


def test_update_that_runs_is_not_disturbed() -> None:
    state = {"state": "provisional", "bad": [], "attempts": 0}
    found = failed(check(device(None, {"current": "m-0123456789ab", "state": state}), None, False, 1000.0))
    assert "another update" in found["release"]


@pytest.mark.parametrize("broken", [{}, {"system": {}}, {"system": SYSTEM, "installed": [], "uploads": {}, "sudo": 1}])
def test_answer_that_cannot_be_read(broken: dict[str, Any]) -> None:
    with pytest.raises(EdgeVisionError, match="cannot be read"):
        device_info(broken)


# --------------------------------------------------------------------------------------------------------- what is sent


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return small_bundle.build(tmp_path / "b.tar.xz", padding=200_000)


def test_bundle_without_what_the_device_has(bundle: Path, tmp_path: Path) -> None:
    whole = package(PackageOptions(bundle), device())
    assert whole.data == bundle.read_bytes()
    known = with_release(bundle)
    slim = package(PackageOptions(bundle), known)
    assert len(slim.data) < 2000
    assert slim.manifest == whole.manifest
    (tmp_path / "slim.tar.xz").write_bytes(slim.data)
    with pytest.raises(Refused, match="missing from the bundle"):
        read(tmp_path / "slim.tar.xz")
    # What the device has takes the place of what was left out.
    files = tmp_path / "files"
    files.mkdir()
    read(bundle, into=files)
    store = {entry.sha256: files / name for name, entry in slim.manifest.files.items()}
    again = tmp_path / "again"
    again.mkdir()
    read(tmp_path / "slim.tar.xz", into=again, store=store)
    assert {path.name: path.read_bytes() for path in again.rglob("*") if path.is_file()} == {
        path.name: path.read_bytes() for path in files.rglob("*") if path.is_file()
    }
    (files / "run.toml").write_bytes(b"damaged")
    (tmp_path / "third").mkdir()
    with pytest.raises(Refused, match=r"run\.toml is damaged, and the bundle leaves run\.toml out"):
        read(tmp_path / "slim.tar.xz", into=tmp_path / "third", store=store)


def test_model_alone_is_sent_to_a_device_with_a_release(bundle: Path) -> None:
    made = package(PackageOptions(default_model.path()), with_release(bundle))
    before = read(bundle).manifest
    changed = {name for name, entry in made.manifest.files.items() if before.files[name] != entry}
    assert changed == {"model.tflite"}
    assert len(made.data) < default_model.path().stat().st_size + 5000
    assert not made.signed


def test_model_only_is_refused_where_more_would_change(bundle: Path) -> None:
    with pytest.raises(BadInput, match="nothing is installed"):
        package(PackageOptions(default_model.path(), model_only=True), device())
    with pytest.raises(BadInput, match="other options change more"):
        package(PackageOptions(default_model.path(), model_only=True, camera="1"), with_release(bundle))
    with pytest.raises(BadInput, match="needs a model"):
        package(PackageOptions(bundle, model_only=True), with_release(bundle))


def test_bundle_is_for_one_loop(bundle: Path, tmp_path: Path) -> None:
    files = {name: data for name, data in small_bundle.FILES.items() if name != "edgevision.service"}
    door = small_bundle.build(tmp_path / "door.tar.xz", files={**files, "edgevision@door.service": b"[Unit]\n"})
    assert package(PackageOptions(door, loop=Loop("door")), device()).manifest.loop == Loop("door")
    with pytest.raises(BadInput, match="for edgevision@door, not for edgevision; give --name door"):
        package(PackageOptions(door), device())
    with pytest.raises(BadInput, match="for edgevision, not for edgevision@door; leave out --name"):
        package(PackageOptions(bundle, loop=Loop("door")), device())


def test_status_of_several_loops(bundle: Path) -> None:
    first = with_release(bundle, loops=["door", "../x"]).installed
    assert first.loops == ("door",), "what a device says is not trusted"
    door = with_release(bundle, service={"ActiveState": "active", "SubState": "running"}).installed
    found = parse_document(
        json.dumps(status_json("pi@door.local", first, others={Loop("door"): door})), "deploy_status"
    )
    assert (found["name"], found["loops"][0]["name"], found["loops"][0]["current"]) == (None, "door", door.current)
    lines = all_lines({UNNAMED: first, Loop("door"): door})
    assert lines[0] == "edgevision:" and "edgevision@door:" in lines


def test_older_bundle_is_signed_again(bundle: Path, tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    keys.new(key)
    old = small_bundle.build(tmp_path / "old.tar.xz", sign=key, number=5)
    with pytest.raises(BadInput, match="--allow-downgrade"):
        package(PackageOptions(old, sign=key), device())
    made = package(PackageOptions(old, sign=key, allow_downgrade=True), device())
    (tmp_path / "new.tar.xz").write_bytes(made.data)
    again = read(tmp_path / "new.tar.xz", [keys.public_path(key)])
    assert again.signed_by is not None
    assert (again.manifest.number or 0) > 10**9
    assert again.manifest.id == read(old).manifest.id


# ------------------------------------------------------------------------------------------------- what a device accepts


@pytest.mark.parametrize(
    "request_",
    [
        b"",
        b"[]",
        b"{}",
        json.dumps({"schema": SCHEMA, "verb": "shell"}).encode(),
        json.dumps({"schema": SCHEMA, "verb": "update"}).encode(),
        json.dumps({"schema": SCHEMA, "verb": "update", "bundle": "relative"}).encode(),
        json.dumps({"schema": SCHEMA, "verb": "update", "bundle": "/b", "command": "id"}).encode(),
        json.dumps({"schema": SCHEMA, "verb": "update", "bundle": "/b", "allow_older": True}).encode(),
        json.dumps({"schema": SCHEMA, "verb": "update", "bundle": "/b", "frames": 0}).encode(),
        json.dumps({"schema": SCHEMA, "verb": "update", "bundle": "/b", "trust": ["/a"] * 21}).encode(),
        json.dumps({"schema": SCHEMA, "verb": "allow", "user": "pi ALL=(ALL) ALL\nx"}).encode(),
        b"x" * 100_000,
    ],
)
def test_hostile_request_is_refused(request_: bytes) -> None:
    with pytest.raises(Refused):
        parse(request_)


def test_update_unit_is_written_once_and_started(tmp_path: Path) -> None:
    """Its own file, so that nothing of an ended update is in the way; systemd reads it again only if it changed."""
    ran: list[str] = []

    def command(line: Sequence[str | Path], what: str, folder: Path) -> str:
        ran.append(" ".join(map(str, line)))
        if "reset-failed" in line:
            raise Refused("Unit edgevision-update.service not loaded.")
        return ""

    start = [
        "systemctl reset-failed edgevision-update.service",
        "systemctl start --no-block edgevision-update.service",
    ]
    start_updater(tmp_path, command)
    assert ran == ["systemctl daemon-reload", *start]
    start_updater(tmp_path, command)
    assert ran[3:] == start
    unit = tmp_path / "etc/systemd/system/edgevision-update.service"
    text = unit.read_text()
    assert "ExecStart=/usr/bin/python3 -I /opt/edgevision/manager.pyz run-update\n" in text
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text(text)
    unit.unlink()
    unit.symlink_to(elsewhere)
    start_updater(tmp_path, command)
    assert not unit.is_symlink() and unit.read_text() == text
    assert ran[5:] == ["systemctl daemon-reload", *start]


def test_request_is_read() -> None:
    found = parse(json.dumps({"schema": SCHEMA, "verb": "update", "bundle": "/b", "min_fps": 3}).encode())
    assert (found.bundle, found.trial.min_fps, found.trial.frames) == (Path("/b"), 3.0, 20)


@pytest.mark.parametrize("name", [None, "door"])
def test_request_has_only_entries_with_a_value(name: str | None) -> None:
    """The manager of an older release refuses entries that it does not know, such as the name of a loop."""
    sent: list[bytes] = []

    class Recorder(Device):
        def program(self, *args: object, **options: object) -> dict[str, Any]:
            return INSTALLED | {"manager": True}

        def call(self, command: str, request: bytes, timeout_s: float = 0) -> dict[str, Any]:
            sent.append(request)
            return {}

    request(Recorder("pi@door", ()), {"verb": "stop", "loop": name}, None)
    (line,) = sent
    assert json.loads(line) == {"schema": SCHEMA, "verb": "stop", **({} if name is None else {"loop": name})}


# ------------------------------------------------------------------------------------------------------------------ ssh


@pytest.mark.parametrize("host", ["", "-oProxyCommand=id", "a b", "a\nb"])
def test_host_that_ssh_could_take_for_an_option(host: str) -> None:
    with pytest.raises(BadInput, match="USER@HOST"), connect(host):
        pass


@pytest.mark.parametrize(
    ("said", "meaning", "code"),
    [
        ("@@@\n@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.", "has changed", 1),
        ("No ED25519 host key is known for x.\nHost key verification failed.", "run ssh pi@x once", 1),
        ("pi@x: Permission denied (publickey).", "accepts none of your keys", 1),
        ("ssh: Could not resolve hostname x: Name or service not known", "no device called x", 5),
        ("ssh: connect to host x port 22: Connection refused", "its ssh is enabled", 5),
        ("ssh: connect to host x port 22: Connection timed out", "its ssh is enabled", 5),
        ("something else\nlast line", "something else", 5),
        ("", "without a message", 5),
    ],
)
def test_what_ssh_says_becomes_one_line(said: str, meaning: str, code: int) -> None:
    error = unreachable("pi@x", said)
    assert meaning in str(error)
    assert error.exit_code == code


def run_program(name: str, argument: dict[str, Any], home: Path, data: bytes = b"") -> dict[str, Any]:
    """Run a program of ``deploy/programs`` as it runs on a device, with another home."""
    text = resources.files("edgevision.device.deploy").joinpath(f"programs/{name}.py").read_bytes() + CALL
    line = b"%b\n" % json.dumps(argument).encode()
    done = subprocess.run(
        [sys.executable, "-I", "-c", text.decode()],
        input=line + data,
        capture_output=True,
        env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
        check=True,
    )
    value = json.loads(done.stdout)
    assert isinstance(value, dict)
    return value


def test_upload_continues_where_it_was_cut_off(tmp_path: Path) -> None:
    import hashlib

    data = bytes(range(256)) * 1000
    argument = {"name": "f", "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data), "keep": ["f"], "offset": 0}
    assert "arrived" in run_program("receive", argument, tmp_path, data[:1000])["error"]
    folder = tmp_path / ".cache/edgevision/upload"
    (folder / "of an earlier deployment").touch()
    assert "expected 5" in run_program("receive", argument | {"offset": 5}, tmp_path)["error"]
    path = run_program("receive", argument | {"offset": 1000}, tmp_path, data[1000:])["path"]
    assert Path(path).read_bytes() == data
    assert [one.name for one in folder.iterdir()] == ["f"]
    damaged = argument | {"name": "g"}
    assert "damaged" in run_program("receive", damaged, tmp_path, io.BytesIO(data[::-1]).read())["error"]
    run_program("forget", {}, tmp_path)
    assert not (tmp_path / ".cache/edgevision").exists()


def test_probe_describes_this_machine(tmp_path: Path) -> None:
    found = device_info(run_program("probe", {}, tmp_path))
    assert found.system.arch
    assert found.system.free_mb > 0
    assert found.uploads == {}


def test_python_without_ensurepip_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Debian without python3-venv: an environment without pip is all that an installation makes."""

    def without_ensurepip(*command: str) -> str:
        if command[0] != "/usr/bin/python3":
            return ""
        code = f"import sys; sys.modules['ensurepip'] = None; {command[-1]}"
        return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False).stdout

    monkeypatch.setattr(probe, "output", without_ensurepip)
    assert probe.system()["venv"] is True
