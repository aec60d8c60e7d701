"""Tests of ``edgevision deploy --inventory`` on five devices; each test continues where the one before ended."""

from __future__ import annotations

import base64
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from .hosts import NAMES, PATIENCE_S, SECRET, USER, Fleet, states

ANY = "--min-fps 0"
"""For tests of something else than the rate, which changes on a busy machine."""


def test_check_mode_before_the_first_installation(plain: Fleet) -> None:
    found = plain.deploy("one.tflite --dry-run")
    assert states(found) == ["planned"] * 5
    assert found["door1"]["release"]["from"] is None
    assert found["door1"]["uploaded_bytes"] > 20e6
    for here in plain.hosts.values():
        assert here.run("ls -d /opt/edgevision 2>/dev/null || echo none").strip() == "none"


def test_first_installation_brings_everything(fleet: Fleet) -> None:
    assert fleet.first["state"] == "confirmed"
    assert fleet.first["canary"]
    assert fleet.first["rate_fps"]["after"] == pytest.approx(2, abs=1)
    found = fleet.status()
    assert states(found) == ["running"] * 5
    assert found["door1"]["release"] == fleet.first["release"]["to"]
    assert found["door1"]["last_event"] is not None


def test_canary_that_fails_leaves_four_untouched(fleet: Fleet) -> None:
    before, running = fleet.status(), fleet.pids()
    found = fleet.deploy("two.tflite --min-fps 900", code=4)
    assert states(found) == ["reverted", *["untouched"] * 4]
    assert "too slow" in found["door1"]["reason"]
    assert found["door1"]["log"]
    assert all(fleet.pids()[name] == running[name] for name in NAMES[1:])
    for name in NAMES[1:]:
        assert "two-" not in fleet.hosts[name].run("ls /opt/edgevision/releases; cat /opt/edgevision/state.json")
    after = fleet.status()
    assert {name: one["release"] for name, one in after.items()} == {
        name: one["release"] for name, one in before.items()
    }
    assert "too slow" in after["door1"]["reason"]


def test_all_get_a_model_that_works(fleet: Fleet) -> None:
    found = fleet.deploy(f"two.tflite {ANY}")
    assert states(found) == ["confirmed"] * 5
    assert [one["canary"] for one in found.values()] == [True, False, False, False, False]
    assert all(one["uploaded_bytes"] < 100_000 for one in found.values())
    assert len({one["model_sha256"] for one in fleet.status().values()}) == 1


def test_second_run_changes_nothing(fleet: Fleet) -> None:
    running = fleet.pids()
    found = fleet.deploy(f"two.tflite {ANY}")
    assert states(found) == ["unchanged"] * 5
    assert {one["uploaded_bytes"] for one in found.values()} == {0}
    assert fleet.pids() == running


def test_check_mode_changes_nothing(fleet: Fleet) -> None:
    running = fleet.pids()
    assert states(fleet.deploy("three.tflite --dry-run")) == ["planned"] * 5
    assert fleet.pids() == running


def test_batch_with_a_failure_ends_the_deployment(fleet: Fleet) -> None:
    folder = fleet.folder / "host_vars"
    folder.mkdir()
    (folder / "door2.yml").write_text(yaml.safe_dump({"edgevision_min_fps": 900}))
    found = fleet.deploy("three.tflite --canary 0 --serial 2", code=4)
    (folder / "door2.yml").unlink()
    assert states(found) == ["confirmed", "reverted", *["untouched"] * 3]


def test_device_that_is_off_stops_nobody(fleet: Fleet) -> None:
    off = fleet.hosts["door5"]
    off.run("systemctl stop ssh-test; pkill -KILL sshd || true")  # also the connection that Ansible keeps for a minute
    try:
        found = fleet.deploy(f"two.tflite --limit door1:door4:door5 {ANY}", code=5)
        assert {found[name]["state"] for name in ("door1", "door4")} <= {"confirmed", "unchanged"}
        assert found["door5"]["state"] == "unreachable"
        assert fleet.status(code=5)["door5"]["state"] == "unreachable"
    finally:
        off.run("systemctl start ssh-test")
    assert states(fleet.status()) == ["running"] * 5


def test_secrets_come_from_the_vault_and_are_never_shown(fleet: Fleet) -> None:
    password = fleet.folder / "vault"
    password.write_text("opens the vault\n")
    folder = fleet.folder / "group_vars"
    folder.mkdir()
    variables = folder / "all.yml"
    variables.write_text(yaml.safe_dump({"edgevision_secrets": {"mqtt_password": SECRET}}))
    program = str(Path(sys.executable).with_name("ansible-vault"))
    subprocess.run([program, "encrypt", "--vault-password-file", str(password), str(variables)], check=True)
    refused = fleet.edgevision("deploy --inventory hosts.yml two.tflite")
    assert refused.returncode == 1
    assert "vault" in refused.stderr.splitlines()[-1]
    running = fleet.pids()
    fleet.deploy(f"two.tflite --limit door1 --vault-password-file {password} --dry-run")
    assert fleet.pids() == running
    found = fleet.deploy(f"two.tflite --limit door1 --vault-password-file {password} {ANY}")
    assert found["door1"]["state"] == "unchanged"
    here = fleet.hosts["door1"]
    assert (
        here.run("cat /etc/credstore/edgevision.mqtt_password; stat -c ' %a %U' /etc/credstore/*")
        == f"{SECRET} 600 root\n"
    )
    assert SECRET not in here.run("journalctl --no-pager")
    restarted = fleet.pids()
    assert restarted["door1"] != running["door1"]  # a service reads its secrets when it starts
    fleet.deploy(f"two.tflite --limit door1 --vault-password-file {password} {ANY}")
    assert fleet.pids() == restarted
    variables.unlink()


def test_one_line_of_sudoers_is_enough(fleet: Fleet) -> None:
    here = fleet.hosts["door1"]
    allow = json.dumps({"schema": "edgevision.request/1", "verb": "allow", "user": USER})
    here.run(f"echo {shlex.quote(allow)} | /usr/bin/python3 -I /opt/edgevision/manager.pyz remote")
    here.run("mv /etc/sudoers.d/010_pi-nopasswd /root/")
    try:
        assert here.try_run(f"su {USER} -c 'sudo -n id'").returncode != 0
        assert fleet.deploy(f"three.tflite --limit door1 {ANY}")["door1"]["state"] == "confirmed"
        assert fleet.status(more="--limit door1")["door1"]["last_event"] is not None
    finally:
        here.run("mv /root/010_pi-nopasswd /etc/sudoers.d/")


def test_role_alone_installs_a_bundle_without_edgevision(fleet: Fleet) -> None:
    (fleet.folder / "run.toml").write_text('camera = "test:"\nfps = 2.0\n')
    made = fleet.edgevision(
        f"bundle two.tflite --arch x86_64 --python 3.11 --config run.toml --wheels {fleet.wheels} -o two.tar.xz"
    )
    assert made.returncode == 0, made.stderr
    assert fleet.edgevision("fleet role --export roles").returncode == 0
    role = {"role": "edgevision", "edgevision_source": "two.tar.xz", "edgevision_frames": 3, "edgevision_min_fps": 0}
    play = {"hosts": "door1", "gather_facts": False, "roles": [role]}
    (fleet.folder / "site.yml").write_text(yaml.safe_dump([play]))
    assert changed(fleet, "--check") == 1
    assert "two-" not in fleet.hosts["door1"].run("readlink /opt/edgevision/current")
    assert changed(fleet) == 1
    assert "two-" in fleet.hosts["door1"].run("readlink /opt/edgevision/current")
    assert changed(fleet) == 0


def test_upload_that_broke_off_is_continued(fleet: Fleet) -> None:
    """Part of the bundle is on the device already, as a broken connection leaves it."""
    found = fleet.deploy(f"three.tflite --limit door1 --dry-run {ANY}")["door1"]
    made = max((fleet.folder / "cache/edgevision/fleet").glob("*.tar.xz"), key=lambda path: path.stat().st_mtime)
    assert made.stat().st_size == found["uploaded_bytes"]
    here = fleet.hosts["door1"]
    folder = f"/home/{USER}/.cache/edgevision/upload"
    begun = base64.b64encode(made.read_bytes()[:1000]).decode()  # the device has a /tmp of its own
    here.run(
        f"mkdir -p {folder} && echo {begun} | base64 -d > {folder}/{made.name}.part && chown -R {USER}: /home/{USER}"
    )
    sent = fleet.deploy(f"three.tflite --limit door1 {ANY}")["door1"]["uploaded_bytes"]
    assert sent == found["uploaded_bytes"] - 1000
    assert here.run(f"ls -d /home/{USER}/.cache/edgevision 2>/dev/null || echo gone").strip() == "gone"


def changed(fleet: Fleet, more: str = "") -> int:
    """Run the playbook with the role, where edgevision cannot be found, and return how much it changed."""
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    own = {"edgevision_camera": "", "edgevision_options": {}}
    command = [
        program,
        "site.yml",
        "-i",
        "hosts.yml",
        "-e",
        yaml.safe_dump(own, default_flow_style=True),
        *shlex.split(more),
    ]
    environment = {**os.environ, "PATH": "/usr/bin:/bin", "ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3"}
    done = subprocess.run(
        command, cwd=fleet.folder, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.search(r"^door1 .*\bchanged=(\d+)", done.stdout, re.MULTILINE)
    assert found is not None, done.stdout
    return int(found[1])
