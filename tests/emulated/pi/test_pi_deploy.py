"""Tests of ``edgevision deploy`` to an emulated board over SSH, with power cuts in the switch and during the trial.

One test on one release: each boot takes a minute, and what one step leaves is what the next one needs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from documents import parse_lines
from failing_model import fails_on_bright_images

from tools.emulation import pi_bundle
from tools.emulation.board import free_port
from tools.emulation.host import IMAGES, say
from tools.emulation.pi_board import Pi, Rootfs, copy_card

from .conftest import PASSWORD, Finished
from .remote import USER, Remote, ended

STARTED = "Started edgevision.service"
"""Line of systemd on the console once the service is ready."""
RESTARTED = "the device restarted before the release was confirmed"
ANY = ("--min-fps", "0", "--time-limit", "600")
"""For an emulated board on a busy machine, whose rate changes from one minute to the next."""
FOR_EVER = ("--frames", "1000000", "--min-fps", "0", "--time-limit", "3600")
"""A trial that no emulated board can end."""
EVENTS = "/var/lib/private/edgevision/events.jsonl"
ARMED, REACHED = f"/home/{USER}/stop-before-link", "/run/stopped-before-link"
STOP = f'''
import os
import sys
import time


def before(event, arguments):
    """Stop for ever before the link to the current release is renamed, if somebody wants that."""
    if event == "os.rename" and str(arguments[1]) == "/opt/edgevision/current" and os.path.exists("{ARMED}"):
        open("{REACHED}", "w").close()
        time.sleep(1e6)


if "run-update" in sys.orig_argv:
    sys.addaudithook(before)
'''
"""Python's own hook (sys.addaudithook), placed as the system's sitecustomize.py: nothing of edgevision is replaced."""
CUSTOMIZE = "/etc/python3.13/sitecustomize.py"


@pytest.fixture
def pi(finished: Finished) -> Iterator[Pi]:
    """A board with a network card and a copy of the SD card that was set up, switched off."""
    prepared = finished.prepared
    card = copy_card(finished.card, prepared.folder / "deploy.img")
    Rootfs(card).write(CUSTOMIZE, STOP)
    board = prepared.pi(card, "deploy", free_port())
    yield board
    board.close()
    card.unlink()


@pytest.mark.parametrize("prepared", ["trixie"], indirect=True, scope="session")
def test_releases_over_ssh_and_power_cuts(pi: Pi, finished: Finished, tmp_path: Path) -> None:
    sign = ("--sign", finished.prepared.key or "")
    second, third = (model(finished, tmp_path, name) for name in ("second", "third"))
    remote = Remote(pi, tmp_path, IMAGES / "key")
    first = boot(pi, remote)["current"]

    allow(remote)
    found = remote.deployed(second, *sign, *ANY)
    assert (found["state"], found["release"]["from"]) == ("confirmed", first), found
    assert found["uploaded_bytes"] < 100_000, "the model alone is sent"
    good = found["release"]["to"]
    say(f"confirmed {good} after {found['seconds']['total']:.0f} s")

    found = remote.deployed(broken(tmp_path), *sign, *ANY, code=4)
    assert (found["state"], found["release"]["from"]) == ("reverted", good), found
    assert "gather index out of bounds" in found["reason"], found
    assert_runs(pi, remote, good, "gather index out of bounds")
    say(f"taken back: {found['reason']}")

    remote.run(f"touch {ARMED} && sync")
    update = remote.start("update", third, *sign, *ANY)
    pi.wait_for("the switch", lambda: "there" in remote.run(f"test -e {REACHED} && echo there || true"))
    state = json.loads(remote.run("cat /opt/edgevision/state.json"))
    assert (state["state"], state["current"].split("-")[0], state["previous"]) == ("provisional", "third", good)
    assert remote.run("readlink /opt/edgevision/current").strip() == f"releases/{good}"
    pi.cut_power()
    assert "the device goes on alone" in ended(update, 5)[1]
    boot(pi, remote)
    assert_runs(pi, remote, good, RESTARTED)
    remote.run(f"rm {ARMED}")

    update = remote.start("update", third, *sign, *FOR_EVER)
    pi.wait_for("the trial", lambda: pi.said().count(STARTED) > 1 and on_trial(remote.status()))
    pi.cut_power()
    boot(pi, remote)
    assert_runs(pi, remote, good, RESTARTED)
    said = ended(update, 4, 5)[1]  # 4: it answered again within a minute
    assert RESTARTED in said or "the device goes on alone" in said

    found = remote.deployed(third, *sign, *ANY)
    assert (found["state"], found["release"]["from"]) == ("confirmed", good), found
    last = found["release"]["to"]
    pi.press_power_button()
    root = Rootfs(pi.card)
    assert root.names("/opt/edgevision/releases") == {good, last}
    assert "edgevision" not in root.names(f"/home/{USER}/.cache"), "uploads that nobody needs"
    assert decisions(root) == [
        ("confirmed", first, good),
        ("reverted", good, "broken"),
        ("reverted", good, last),
        ("confirmed", good, last),
    ]


def model(finished: Finished, folder: Path, name: str) -> Path:
    """Return the model of the SD card under another name."""
    target = folder / f"{name}.tflite"
    pi_bundle.edgevision("card", finished.prepared.folder / "colors.tflite", "--name", name, "-o", target)
    return target


def broken(folder: Path) -> Path:
    """Return a model that passes the installation and fails on what the camera sees."""
    (folder / "bare.tflite").write_bytes(fails_on_bright_images())
    (folder / "labels.txt").write_text("red\ngreen\nblue\n")
    target = folder / "broken.tflite"
    options = ("--task", "classification", "--resize", "stretch", "--labels", folder / "labels.txt")
    pi_bundle.edgevision("card", folder / "bare.tflite", *options, "-o", target)
    return target


def boot(pi: Pi, remote: Remote) -> dict[str, Any]:
    """Switch the board on and return its status once the service runs."""
    pi.power_on()
    pi.wait_for("the service", lambda: STARTED in pi.said())
    pi.wait_for("the SSH server", remote.answers)
    status = remote.status()
    say(
        f"boot {len(pi.starts)}: {status['current']}, {status['state']}{': ' * bool(status['reason'])}{status['reason']}"
    )
    return status


def allow(remote: Remote) -> None:
    """Type the password of sudo once, as the guide says."""
    user = remote.at_terminal("allow", "--ask-sudo-password")
    try:
        user.answers("password of sudo on the device", PASSWORD)
        assert user.leaves() == 0, user.shown
        assert f"{USER} ALL=(root) NOPASSWD: /usr/bin/python3 -I /opt/edgevision/manager.pyz remote" in user.shown
        assert PASSWORD not in user.shown
    finally:
        user.close()


def on_trial(status: dict[str, Any]) -> bool:
    """Return whether the third model runs without being confirmed."""
    third = str(status["current"]).startswith("third-")
    return third and status["state"] == "provisional" and status["service"]["state"] == "active (running)"


def decisions(root: Rootfs) -> list[tuple[str, str, str]]:
    """Return what the events ``release`` of all boots say was decided, once for what was decided again or said twice."""
    found: list[tuple[str, str, str]] = []
    for line in parse_lines(root.read(EVENTS)):
        if line["type"] != "event" or line["event"] != "release" or line["state"] == "provisional":
            continue
        new = "broken" if line["to"].startswith("broken-") else line["to"]
        if (one := (line["state"], line["from"], new)) not in found[-1:]:
            found.append(one)
    return found


def assert_runs(pi: Pi, remote: Remote, release: str, reason: str) -> None:
    """Check that a release runs again, and that the status says why."""
    pi.wait_for("the release before", lambda: remote.status()["service"]["state"] == "active (running)")
    status = remote.status()
    assert (status["current"], status["state"]) == (release, "reverted"), status
    assert reason in status["reason"], status
    assert reason in status["bad"][-1]["reason"], status
