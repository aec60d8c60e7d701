"""Two loops of one device, deployed over real SSH against a real systemd: an update of one leaves the other alone."""

from __future__ import annotations

import pytest

from .device import FOLDER, EmulatedDevice, until

FIRST = f"--camera test: --wheels {FOLDER}/wheels"
ANY = "--min-fps 0"
DOOR = "--name door"


@pytest.fixture(scope="module")
def both(device: EmulatedDevice) -> EmulatedDevice:
    """The device with the model ``one`` in both loops."""
    if "opt" not in device.run("ls /opt/edgevision/current 2>/dev/null && echo opt || true"):
        device.deploy("{host} one.tflite " + FIRST)
    found = device.deployed(f"{{host}} one.tflite {DOOR} {FIRST}")
    assert (found["state"], found["release"]["from"]) == ("confirmed", None)
    assert found["uploaded_bytes"] < 5e6, "the device has the libraries"
    return device


def pid(device: EmulatedDevice, unit: str = "edgevision") -> str:
    """Return the process of a loop."""
    return device.run(f"systemctl show -p MainPID --value {unit}").strip()


def test_status_shows_both(both: EmulatedDevice) -> None:
    found = both.status()
    assert [one["name"] for one in found["loops"]] == ["door"]
    assert found["loops"][0]["current"].startswith("one-") and found["loops"][0]["current"] != found["current"]
    assert found["loops"][0]["service"]["state"] == "active (running)"
    said = both.deploy("status {host}").stdout
    assert said.startswith("edgevision:\n  release: ") and "\nedgevision@door:\n  release: one-" in said


def test_another_model_for_one_loop_leaves_the_other_running(both: EmulatedDevice) -> None:
    kept, before = pid(both), both.state()
    found = both.deployed(f"{{host}} two.tflite {DOOR} {ANY}")
    assert (found["state"], found["release"]["to"][:4]) == ("confirmed", "two-")
    assert found["uploaded_bytes"] < 100_000
    assert pid(both) == kept and both.state() == before


def test_bad_release_of_one_loop_is_taken_back_alone(both: EmulatedDevice) -> None:
    kept = pid(both)
    found = both.deployed(f"{{host}} one.tflite {DOOR} --min-fps 900", code=4)
    assert found["state"] == "reverted" and "too slow" in found["reason"]
    assert both.status()["loops"][0]["current"].startswith("two-")
    assert pid(both) == kept
    until("the old release", lambda: both.status()["loops"][0]["service"]["state"] == "active (running)")


def test_loop_that_later_fails_to_start_stops_alone(both: EmulatedDevice) -> None:
    kept, drop_in = pid(both), "/run/systemd/system/edgevision@door.service.d"
    both.run(
        f"mkdir -p {drop_in} && printf '[Service]\\nRestartSec=0\\n' > {drop_in}/fast.conf; systemctl daemon-reload"
    )
    home = "/opt/edgevision/loops/door"
    both.run(f"mv {home}/current/venv/bin/python /run/python; systemctl restart edgevision@door || true")
    until("the stop", lambda: '"state": "stopped"' in both.run(f"cat {home}/state.json"))
    assert pid(both) == kept
    both.run(f"mv /run/python {home}/current/venv/bin/python; rm -r {drop_in}; systemctl daemon-reload")
    both.deploy(f"start {{host}} {DOOR}")
    assert both.deploy("status {host}").returncode == 0


def test_stop_logs_and_doctor_name_a_loop(both: EmulatedDevice) -> None:
    kept = pid(both)
    assert "first_answer" in both.deploy(f"logs {{host}} {DOOR} --lines 200").stdout
    both.deploy(f"doctor {{host}} {DOOR}")
    both.deploy(f"stop {{host}} {DOOR}")
    assert pid(both, "edgevision@door") == "0" and pid(both) == kept
    assert both.deploy("status {host}", 3).returncode == 3
    assert "no loop edgevision@yard on this device; it has" in both.deploy("stop {host} --name yard", 1).stderr
    assert "not the name of a loop" in both.deploy("stop {host} --name ../x", 2).stderr
    assert both.uploads() == ""
