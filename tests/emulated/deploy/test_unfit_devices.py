"""Tests of two hosts on a network: another architecture, a clock that is years behind, a sudo that asks, a pulled cable.

The releases are stand-ins; everything that deploys, installs and decides is real.
"""

from __future__ import annotations

import shlex
import threading
from collections.abc import Iterator

import pytest
from second_systemd import second_systemd

from tools.emulation.host import REPO, say

from .device import FOLDER, USER, EmulatedDevice, until

FAKETIME = "/usr/$$LIB/faketime/libfaketime.so.1"
"""The loader replaces $LIB; systemd makes $ of $$."""
PASSWORD = "open sesame"
SCRIPT = REPO / "tests/emulated/deploy/stand_in_releases.py"


@pytest.fixture(scope="module")
def remote() -> Iterator[EmulatedDevice]:
    """A device at the other end of a cable that runs the release ``one``."""
    with second_systemd("test-deploy", network=True) as here:
        made = EmulatedDevice(here)
        made.start()
        python = made.edgevision.removesuffix(" -m edgevision")
        helpers, script = shlex.quote(str(REPO / "tests/helpers")), shlex.quote(str(SCRIPT))
        made.run(f"mkdir -p {FOLDER} && PYTHONPATH={helpers} {python} {script} {FOLDER}")
        assert made.deployed("{host} one.tar.xz")["state"] == "confirmed"
        yield made


def test_both_hosts_have_a_network_of_their_own(remote: EmulatedDevice) -> None:
    device, commands = remote.run("readlink /proc/1/ns/net /proc/self/ns/net").split()
    assert device != commands
    assert remote.run("nsenter -t 1 -n ip -brief address show dev eth0").split()[2] == f"{remote.address}/30"


def test_times_are_told(remote: EmulatedDevice) -> None:
    nothing = remote.deployed("{host} one.tar.xz")
    assert (nothing["state"], nothing["uploaded_bytes"]) == ("unchanged", 0)
    other = remote.deployed("{host} two.tar.xz")
    assert other["state"] == "confirmed" and other["uploaded_bytes"] < 100_000
    for what, found in (("nothing new", nothing), ("another model", other)):
        parts = ", ".join(f"{name} {value:.1f} s" for name, value in found["seconds"].items())
        say(f"{what}: {parts}; {found['uploaded_bytes']} bytes sent")
    remote.deploy("rollback {host}")


def test_bundle_for_another_architecture_is_refused_before_anything_is_sent(remote: EmulatedDevice) -> None:
    before = remote.state()
    done = remote.deploy("{host} arm.tar.xz", 3)
    last = done.stderr.strip().splitlines()[-1]
    assert "is not ready: architecture: x86_64" in last
    assert last.endswith("the bundle is for aarch64; build one with --arch x86_64")
    assert remote.state() == before
    assert remote.uploads() == ""


def test_release_that_never_becomes_ready_is_taken_back(remote: EmulatedDevice) -> None:
    before = remote.state()["current"]
    found = remote.deployed("{host} mute.tar.xz --time-limit 5", 4)
    assert (found["state"], found["reason"]) == ("reverted", "not ready within 5 s")
    assert remote.state()["current"] == before
    until("the release before", lambda: remote.status()["service"]["state"] == "active (running)")


@pytest.fixture
def years_behind(remote: EmulatedDevice) -> Iterator[EmulatedDevice]:
    """The device, reached by an SSH server whose sessions see a clock that is five years behind."""
    if remote.here.try_run("ls /usr/lib/*/faketime/libfaketime.so.1").returncode != 0:
        remote.run("apt-get -q update && apt-get -q install -y --no-install-recommends libfaketime")
    usual = remote.port
    options = f'-o UsePAM=no -o "SetEnv=LD_PRELOAD={FAKETIME} FAKETIME=-5y"'
    unit = remote.sshd(usual + 1).replace("-o UsePAM=no", options)
    remote.run(f"printf %s {shlex.quote(unit)} > /run/systemd/system/ssh-past.service && systemctl daemon-reload")
    remote.run("systemctl start ssh-past")
    remote.port = usual + 1
    try:
        remote.know_host()
        yield remote
    finally:
        remote.port = usual
        remote.run("systemctl stop ssh-past")
        remote.know_host()


def test_clock_that_is_years_behind_is_told_and_does_not_matter(years_behind: EmulatedDevice) -> None:
    said = years_behind.deploy("{host} two.tar.xz --dry-run").stdout
    (line,) = [one for one in said.splitlines() if " clock " in one]
    assert "1826 days behind" in line or "1825 days behind" in line
    assert "timedatectl set-ntp true" in said
    assert years_behind.deployed("{host} two.tar.xz")["state"] == "confirmed"
    years_behind.deploy("rollback {host}")


@pytest.fixture
def asking(remote: EmulatedDevice) -> Iterator[EmulatedDevice]:
    """The device with a user whose sudo asks for a password each time."""
    rules = "/etc/sudoers.d"
    rule = f"Defaults:{USER} timestamp_timeout=0\\n{USER} ALL=(ALL) ALL\\n"
    remote.run(
        f"mkdir -p /root/rules && mv {rules}/* /root/rules/ && printf '{rule}' > {rules}/asks && chmod 440 {rules}/asks"
    )
    remote.run(
        "mkdir -p /dev/pts && mount -t devpts -o ptmxmode=666 devpts /dev/pts && ln -s pts/ptmx /dev/ptmx"
    )  # to type at
    remote.run(f'usermod -p "$(openssl passwd -6 {shlex.quote(PASSWORD)})" {USER}')
    try:
        yield remote
    finally:
        remote.run("umount /dev/pts && rm /dev/ptmx")
        remote.run(f"rm {rules}/asks && mv /root/rules/* {rules}/ && usermod -p '*' {USER}")


def with_password(device: EmulatedDevice, arguments: str, password: str, code: int) -> str:
    """Run ``edgevision deploy`` on a terminal at which somebody types a password, and return what it shows."""
    where = f"--port {device.port} {device.host}"
    command = f"{device.edgevision} deploy {arguments.format(host=where)} --ask-sudo-password"
    line = f"cd {FOLDER} && (sleep 5; echo {shlex.quote(password)}; sleep 5) | script -qec {shlex.quote(command)} /dev/null"
    return device.run(f"bash -c {shlex.quote(line)}", code)


def test_sudo_that_asks_needs_the_password(asking: EmulatedDevice) -> None:
    done = asking.deploy("{host} two.tar.xz", 3)
    assert (
        "is not ready: root rights: pi needs a password for sudo; allow sudo, or give --ask-sudo-password"
        in done.stderr
    )
    before = asking.state()
    said = with_password(asking, "{host} two.tar.xz", "wrong", 1)
    assert "error: " in said and "Traceback" not in said
    assert asking.state() == before
    said = with_password(asking, "{host} two.tar.xz", PASSWORD, 0)
    assert "confirmed in" in said and PASSWORD not in said
    assert asking.state()["previous"] == before["current"]
    assert PASSWORD not in asking.run("journalctl --no-pager -o cat")
    with_password(asking, "rollback {host}", PASSWORD, 0)
    assert asking.state()["current"] == before["current"]


def test_cable_that_is_pulled_leaves_the_decision_to_the_device(remote: EmulatedDevice) -> None:
    """No packet comes any more, as when a cable is pulled; a server that ends says so."""
    before = remote.state()
    remote.run("rm -f /opt/edgevision/update/*")
    pull = threading.Thread(target=_pull_during_the_trial, args=(remote,))
    pull.start()
    done = remote.deploy("{host} two.tar.xz --frames 300", 5)
    pull.join()
    assert remote.here.cable is not None
    try:
        assert "the connection to" in done.stderr and "the device goes on alone" in done.stderr
        until("the decision", lambda: remote.state()["state"] == "confirmed")
        assert remote.state()["previous"] == before["current"]
    finally:
        remote.here.cable.plug()
    assert remote.status()["service"]["state"] == "active (running)"


def _pull_during_the_trial(device: EmulatedDevice) -> None:
    until("the trial", lambda: device.here.try_run("grep -q trial /opt/edgevision/update/status.json").returncode == 0)
    assert device.here.cable is not None
    device.here.cable.pull()
