"""The first start of a prepared card on a real root, under a real systemd: this machine's, in namespaces and on a copy."""

from __future__ import annotations

import base64
import io
import os
import shlex
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from prepared_card import HASH, KEY, prepare

from tools.emulation.here import Here
from tools.emulation.host import CannotRun

START = "systemd.run=/boot/firmware/edgevision/firstrun.sh"
CARD = "/boot/firmware/edgevision"
HELPER = f"""#!/bin/sh
# A fake of package userconf-pi's helper. It renames, and its last command fails, since the services do not run yet.
echo "$*" > /tmp/asked
old=$(getent passwd 1000 | cut -d: -f1)
usermod -l "$1" "$old" && usermod -m -d "/home/$1" "$1" && groupmod -n "$1" "$old"
echo "$1:$2" | chpasswd -e
exit 1
"""
UNIT = f"""[Unit]
SuccessAction=reboot
FailureAction=reboot
[Service]
Type=oneshot
ExecStart={CARD}/firstrun.sh
"""


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Here]:
    """Up, with a card in it, and a kernel's line as if that card had started it."""
    found = Here()
    try:
        try:
            found.wait()
        except CannotRun as error:
            if os.environ.get("ALLOW_SKIP") == "1":
                pytest.skip(str(error))
            pytest.fail(f"test-service: NOT RUN: {error}; ALLOW_SKIP=1 lets it pass")
        put(found, prepare(tmp_path).boot)
        found.run(f"echo root=x {START} > /tmp/line && mount --bind /tmp/line /proc/cmdline")
        found.run("getent passwd 1000 || useradd -u 1000 -U -m somebody")
        yield found
    finally:
        found.close()


def put(here: Here, boot: Path) -> None:
    """The boot partition's files into the machine, which sees no folder of this one's."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:xz") as archive:
        for name in ("cmdline.txt", "edgevision"):
            archive.add(boot / name, name)
    packed = base64.b64encode(stream.getvalue()).decode()
    here.run("mkdir -p /boot/firmware")
    for at in range(0, len(packed), 60_000):
        here.run(f"echo {packed[at : at + 60_000]} >> /tmp/packed")
    here.run(f"base64 -d /tmp/packed | tar xJ -C /boot/firmware && chmod +x {CARD}/firstrun.sh")


def test_the_systems_own_helper_renames_the_account(here: Here) -> None:
    here.run("mkdir -p /usr/lib/userconf-pi /etc/sudoers.d; getent group sudo || groupadd sudo")
    here.run(f"printf %s {shlex.quote(HELPER)} > /usr/lib/userconf-pi/userconf; chmod +x /usr/lib/userconf-pi/userconf")
    here.run(f"{CARD}/firstrun.sh")
    log = here.run(f"cat {CARD}/setup.log")
    assert here.run("cat /tmp/asked") == "edge !\n", log  # the password's hash is on no command line
    assert here.run("getent passwd 1000").startswith("edge:x:1000:")
    assert here.run("getent shadow edge").startswith(f"edge:{HASH}:")
    assert here.run("id -gn edge").strip() == "edge"
    assert here.run("cat /home/edge/.ssh/authorized_keys") == f"{KEY}\n"
    assert here.run("hostname; cat /etc/hostname") == "shelfcam-07\n" * 2
    assert here.run("readlink /etc/localtime") == "/usr/share/zoneinfo/Europe/Berlin\n"
    assert here.run("systemctl is-enabled edgevision-setup") == "enabled\n"
    assert START not in here.run("cat /boot/firmware/cmdline.txt")
    assert '"state": "running"' in here.run(f"cat {CARD}/status.json")


def test_a_card_that_cannot_be_written_does_not_restart_for_ever(here: Here) -> None:
    here.run(f"printf %s {shlex.quote(UNIT)} > /run/systemd/system/kernel-command-line.service")
    here.run("mount --bind /boot/firmware /boot/firmware && mount -o remount,bind,ro /boot/firmware")
    here.run("systemctl daemon-reload && systemctl start --no-block kernel-command-line.service")
    end = time.monotonic() + 120
    while here.try_run("systemctl is-active multi-user.target").stdout != "active\n":
        assert time.monotonic() < end, here.try_run("journalctl -n 30 --no-pager").stdout
        time.sleep(0.5)
    assert START in here.run("cat /boot/firmware/cmdline.txt")
    assert here.run("systemctl show -p SuccessAction -p FailureAction kernel-command-line.service").split() == [
        "FailureAction=none",
        "SuccessAction=none",
    ]
    assert here.try_run("test -e /opt/edgevision/setup").returncode == 1
