"""Tests of ``edgevision deploy`` over real SSH against a real systemd; each test continues where the one before ended."""

from __future__ import annotations

import shlex

import pytest
from edgevision.device.installer.release.state import MAX_ATTEMPTS

from .device import FOLDER, USER, EmulatedDevice, until

FIRST = f"--camera test: --wheels {FOLDER}/wheels"
ANY = "--min-fps 0"
"""For tests of something else: the rate of a busy machine changes from one minute to the next."""
STEPS = ("environment", "prove", "trial")
"""Steps of an update at which its process is killed; the fast tests have the shorter ones."""


@pytest.fixture
def running(device: EmulatedDevice) -> EmulatedDevice:
    """The device with the model ``one`` confirmed."""
    if "opt" not in device.run("ls /opt/edgevision/current 2>/dev/null && echo opt || true"):
        device.deploy("{host} one.tflite " + FIRST)
    if not str(device.state()["current"]).startswith("one-") or device.state()["state"] == "stopped":
        device.deploy("{host} one.tflite " + ANY)
    until("the service", lambda: device.status()["service"]["state"] == "active (running)")
    return device


def test_dry_run_changes_nothing(device: EmulatedDevice) -> None:
    said = device.deploy("{host} one.tflite --dry-run " + FIRST).stdout
    assert "ok     architecture" in said
    assert "nothing was changed" in said
    assert device.run("ls -d /opt/edgevision 2>/dev/null || echo none").strip() == "none"
    assert device.uploads() == ""


def test_first_deployment_installs_everything(device: EmulatedDevice) -> None:
    found = device.deployed("{host} one.tflite " + FIRST)
    assert found["state"] == "confirmed"
    assert found["release"]["from"] is None
    assert found["release"]["to"].startswith("one-")
    assert found["uploaded_bytes"] > 20e6
    assert found["rate_fps"]["after"] is not None
    assert device.uploads() == ""
    status = device.status()
    assert (status["state"], status["service"]["state"]) == ("confirmed", "active (running)")


def test_same_model_restarts_nothing(running: EmulatedDevice) -> None:
    pid = running.run("systemctl show -p MainPID --value edgevision").strip()
    found = running.deployed("{host} one.tflite")
    assert (found["state"], found["uploaded_bytes"]) == ("unchanged", 0)
    assert running.run("systemctl show -p MainPID --value edgevision").strip() == pid


def test_another_model_is_all_that_is_sent(running: EmulatedDevice) -> None:
    found = running.deployed("{host} two.tflite " + ANY)
    assert found["state"] == "confirmed"
    assert found["uploaded_bytes"] < 100_000
    assert running.state()["previous"].startswith("one-")
    assert running.uploads() == ""


def test_too_slow_a_release_is_taken_back(running: EmulatedDevice) -> None:
    before = running.state()["current"]
    found = running.deployed("{host} two.tflite --min-fps 900", code=4)
    assert found["state"] == "reverted"
    assert "too slow" in found["reason"]
    state = running.state()
    assert (state["current"], state["state"]) == (before, "reverted")
    assert state["bad"][-1]["release"].startswith("two-")
    until("the old release", lambda: running.status()["service"]["state"] == "active (running)")
    assert "too slow" in running.deploy("status {host}").stdout


def test_release_that_crashes_is_taken_back(running: EmulatedDevice) -> None:
    before = running.state()["current"]
    said = running.deploy(
        "{host} two.tflite --camera /nonexistent.mp4 --time-limit 60 --full --wheels " + f"{FOLDER}/wheels", 4
    )
    assert "was taken back" in said.stderr
    assert "Traceback" not in said.stderr
    assert running.state()["current"] == before


@pytest.mark.parametrize("step", STEPS)
def test_killed_update_continues(step: str, running: EmulatedDevice) -> None:
    """SIGKILL at each step: systemd starts the updater again, and the release is confirmed in the end."""
    running.deploy("prune {host}")
    kill = (
        "for n in $(seq 2000); do "
        f"grep -q 'step.: .{step}' /opt/edgevision/update/status.json 2>/dev/null && "
        "systemctl kill -s KILL edgevision-update && echo killed && exit 0; sleep 0.02; done; exit 1"
    )
    running.run(
        f"rm -f /opt/edgevision/update/status.json; systemd-run --quiet --unit=killer-{step} sh -c {_quoted(kill)}"
    )
    found = running.deployed("{host} two.tflite " + ANY)
    assert found["state"] == "confirmed"
    assert "killed" in running.run(f"journalctl --no-pager -o cat -u killer-{step}")
    assert running.state()["current"].startswith("two-")


def test_lost_connection_leaves_the_decision_to_the_device(running: EmulatedDevice) -> None:
    cut = "until [ -e /opt/edgevision/update/status.json ]; do sleep 0.05; done; sleep 1; pkill -KILL -u pi sshd; pkill -KILL -u pi"
    running.run(f"rm -f /opt/edgevision/update/*; systemd-run --quiet --unit=cutter sh -c {_quoted(cut)}")
    running.deploy("{host} two.tflite " + ANY, None)
    until(
        "the decision",
        lambda: running.state()["state"] == "confirmed" and running.state()["current"].startswith("two-"),
    )


def test_reboot_during_the_trial_brings_the_old_release_back(running: EmulatedDevice) -> None:
    """A power cut, as far as systemd can show it: everything is killed, and the boot has another id."""
    before = running.state()["current"]
    cut = (
        "until grep -q provisional /opt/edgevision/state.json; do sleep 0.02; done; systemctl kill -s KILL edgevision-update; "
        "systemctl stop edgevision-update; systemctl kill -s KILL edgevision; systemctl stop edgevision; "
        "sed -i '/boot_id/s/: .*/: 0,/' /opt/edgevision/state.json; systemctl start edgevision"
    )
    running.run(f"systemd-run --quiet --unit=power sh -c {_quoted(cut)}")
    running.deploy("{host} two.tflite " + ANY, None)
    until("the old release", lambda: running.state()["current"] == before)
    assert running.state()["reason"] == "the device restarted before the release was confirmed"
    until("the service", lambda: running.status()["service"]["state"] == "active (running)")


def test_release_that_later_fails_to_start_is_replaced(running: EmulatedDevice) -> None:
    running.deploy("{host} two.tflite " + ANY)
    one = running.state()["previous"]
    drop_in = "/run/systemd/system/edgevision.service.d"
    running.run(
        f"mkdir -p {drop_in} && printf '[Service]\\nRestartSec=0\\n' > {drop_in}/fast.conf; systemctl daemon-reload"
    )
    running.run("rm /opt/edgevision/current/venv/bin/python; systemctl restart edgevision || true")
    until("the release before", lambda: running.state()["current"] == one)
    until("the service", lambda: running.status()["service"]["state"] == "active (running)")
    assert "failed to start 5 times in a row" in running.status()["reason"]
    running.run("rm -r /run/systemd/system/edgevision.service.d; systemctl daemon-reload")


def test_release_on_a_drive_that_comes_late_starts_by_itself(running: EmulatedDevice) -> None:
    before = running.state()
    drop_in = "/run/systemd/system/edgevision.service.d"
    running.run(
        f"mkdir -p {drop_in} && printf '[Service]\\nRestartSec=0\\n' > {drop_in}/fast.conf; systemctl daemon-reload"
    )
    running.run("mv /opt/edgevision/releases /opt/elsewhere; systemctl restart edgevision || true")
    restarts = "systemctl show -p NRestarts --value edgevision"
    until("more starts than a bad release gets", lambda: int(running.run(restarts)) > 2 * MAX_ATTEMPTS)
    assert "this start does not count" in running.run("journalctl --no-pager -o cat -u edgevision")
    running.run("mv /opt/elsewhere /opt/edgevision/releases")
    until("the service", lambda: running.status()["service"]["state"] == "active (running)")
    assert (running.state()["state"], running.state()["current"]) == (before["state"], before["current"])
    running.run("rm -r /run/systemd/system/edgevision.service.d; systemctl daemon-reload")


def test_rollback_and_releases(running: EmulatedDevice) -> None:
    running.deploy("{host} two.tflite " + ANY)
    assert "runs again" in running.deploy("rollback {host}").stdout
    assert running.state()["current"].startswith("one-")
    assert "one-" in running.deploy("releases {host}").stdout
    assert "no previous release" in running.deploy("rollback {host}", 1).stderr


def test_one_line_of_sudoers_is_enough(running: EmulatedDevice) -> None:
    said = running.deploy("allow {host}").stdout
    assert "NOPASSWD: /usr/bin/python3 -I /opt/edgevision/manager.pyz remote" in said
    running.run("mv /etc/sudoers.d/010_pi-nopasswd /root/")
    try:
        assert running.here.try_run(f"su {USER} -c 'sudo -n id'").returncode != 0
        assert running.deployed("{host} two.tflite " + ANY)["state"] == "confirmed"
        running.deploy("rollback {host}")
    finally:
        running.run("mv /root/010_pi-nopasswd /etc/sudoers.d/")


def test_full_disk_is_refused_before_anything_changes(running: EmulatedDevice) -> None:
    before = running.state()
    running.run(
        "mkdir -p /srv/full && mount -t tmpfs -o size=20m full /srv/full && cp -a /opt/edgevision/state.json /srv/full/"
    )
    try:
        running.run("mount --bind /srv/full /opt/edgevision/releases")
        said = running.deploy("{host} two.tflite --full --camera test: --wheels " + f"{FOLDER}/wheels", None)
        assert said.returncode in (1, 3), said
        assert "disk space" in said.stdout + said.stderr
    finally:
        # A loop that was still loading its libraries ended, and systemd does not start it while its release is hidden.
        running.run("umount /opt/edgevision/releases; umount /srv/full; systemctl start edgevision")
    assert running.state()["current"] == before["current"]
    assert running.uploads() == ""


def test_signed_bundles_are_enforced(running: EmulatedDevice) -> None:
    running.run(f"cd {FOLDER} && rm -f key* && {running.edgevision} keys new key.pem")
    bundle = (
        f"{running.edgevision} bundle one.tflite --arch x86_64 --camera test: --wheels {FOLDER}/wheels --sign key.pem"
    )
    running.run(f"cd {FOLDER} && {bundle} --release-number 5 -o old.tar.xz --overwrite")
    try:
        assert running.deployed("{host} two.tflite --sign key.pem --trust key.pub.pem " + ANY)["state"] == "confirmed"
        assert "signature" in running.deploy("{host} one.tflite", 3).stderr
        assert "release number 5" in running.deploy("{host} old.tar.xz", 3).stderr
        assert running.deployed("{host} old.tar.xz --allow-downgrade --sign key.pem " + ANY)["state"] == "confirmed"
    finally:
        running.run("rm -rf /etc/edgevision/keys /opt/edgevision/newest")


def test_changed_host_key_is_refused_in_one_line(running: EmulatedDevice) -> None:
    running.run("rm -f /root/other*; ssh-keygen -q -t ed25519 -N '' -f /root/other")
    running.run(
        f"printf '[127.0.0.1]:{running.port} %s\\n' \"$(cut -d' ' -f1,2 /root/other.pub)\" > /root/.ssh/known_hosts"
    )
    try:
        done = running.deploy("{host} two.tflite", 1)
        assert "has changed" in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
    finally:
        running.know_host()


def test_stop_and_start(running: EmulatedDevice) -> None:
    running.deploy("stop {host}")
    assert running.status()["service"]["state"] == "inactive (dead)"
    running.deploy("start {host}")
    assert running.status()["service"]["state"] == "active (running)"


def _quoted(script: str) -> str:
    return shlex.quote(script)
