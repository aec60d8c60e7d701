"""Tests of the first boot of a prepared SD card under a real systemd: this machine's, in namespaces and on a copy."""

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
from documents import parse
from prepared_card import HASH, KEY, PYTHON, installable, prepare

from tools.emulation.here import Here
from tools.emulation.host import CannotRun

START = "systemd.run=/boot/firmware/edgevision/firstrun.sh"
CARD = "/boot/firmware/edgevision"
HELPER = """#!/bin/sh
# A fake of the helper of package userconf-pi. It renames the account; its last command fails, as services do not run yet.
echo "$*" > /tmp/asked
old=$(getent passwd 1000 | cut -d: -f1)
usermod -l "$1" "$old" && usermod -m -d "/home/$1" "$1" && groupmod -n "$1" "$old"
echo "$1:$2" | chpasswd -e
exit 1
"""
LOOP = b"""[Service]
Type=notify
NotifyAccess=all
Restart=on-failure
RestartSec=1
StandardError=journal
# A fake of the loop: it fails once, as if the camera came late, and then reports its first answer.
ExecStart=/bin/sh -c 'test -e /run/late || { touch /run/late; echo "edgevision: error: no camera" >&2; exit 1; }; \\
  echo "2026-11-21T08:26:08.760Z first_answer: tabby 0.81" >&2; systemd-notify --ready; exec sleep 600'
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
    """A booted machine with a prepared SD card and the kernel command line of its first boot."""
    found = Here()
    try:
        try:
            found.wait()
        except CannotRun as error:
            if os.environ.get("ALLOW_SKIP") == "1":
                pytest.skip(str(error))
            pytest.fail(f"test-service: NOT RUN: {error}; set ALLOW_SKIP=1 to skip it")
        bundle = installable(tmp_path / "b.tar.xz", unit=LOOP)
        put(found, prepare(tmp_path / "card", bundle=bundle).boot)
        found.run(f"echo root=x {START} > /tmp/line && mount --bind /tmp/line /proc/cmdline")
        found.run("getent passwd 1000 || useradd -u 1000 -U -m somebody")
        yield found
    finally:
        found.close()


def put(here: Here, boot: Path) -> None:
    """Copy the boot partition's files into the machine, which cannot see folders of this one."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:xz") as archive:
        for name in ("cmdline.txt", "edgevision"):
            archive.add(boot / name, name)
    packed = base64.b64encode(stream.getvalue()).decode()
    here.run("mkdir -p /boot/firmware")
    for at in range(0, len(packed), 60_000):
        here.run(f"echo {packed[at : at + 60_000]} >> /tmp/packed")
    here.run(f"base64 -d /tmp/packed | tar xJ -C /boot/firmware && chmod +x {CARD}/firstrun.sh")


def test_userconf_helper_renames_the_account(here: Here) -> None:
    here.run("mkdir -p /usr/lib/userconf-pi /etc/sudoers.d; getent group sudo || groupadd sudo")
    here.run(f"printf %s {shlex.quote(HELPER)} > /usr/lib/userconf-pi/userconf; chmod +x /usr/lib/userconf-pi/userconf")
    here.run(f"{CARD}/firstrun.sh")
    log = here.run(f"cat {CARD}/setup.log")
    assert here.run("cat /tmp/asked") == "edge !\n", log  # the password hash never appears on a command line
    assert here.run("getent passwd 1000").startswith("edge:x:1000:")
    assert here.run("getent shadow edge").startswith(f"edge:{HASH}:")
    assert here.run("id -gn edge").strip() == "edge"
    assert here.run("cat /home/edge/.ssh/authorized_keys") == f"{KEY}\n"
    assert here.run("hostname; cat /etc/hostname") == "shelfcam-07\n" * 2
    assert here.run("readlink /etc/localtime") == "/usr/share/zoneinfo/Europe/Berlin\n"
    assert here.run("systemctl is-enabled edgevision-setup") == "enabled\n"
    assert START not in here.run("cat /boot/firmware/cmdline.txt")
    assert '"state": "running"' in here.run(f"cat {CARD}/status.json")


def test_second_boot_reaches_the_first_answer(here: Here) -> None:
    if here.run("python3 -c 'import sys; print(*sys.version_info[:2], sep=\".\")'").strip() != PYTHON:
        pytest.skip(
            "the bundle is for the Python that runs the tests, and this machine's system Python has another version"
        )
    here.run(f"{CARD}/firstrun.sh")
    here.run("systemctl daemon-reload && systemctl start edgevision-setup")
    end = time.monotonic() + 300
    while (told := parse(here.run(f"cat {CARD}/status.json"), "install_status"))["state"] == "running":
        assert time.monotonic() < end, here.run(f"cat {CARD}/setup.log")
        time.sleep(1)
    assert (told["state"], told["step"]) == ("ok", "clean"), here.run(
        f"cat {CARD}/setup.log; journalctl -n 40 --no-pager"
    )
    assert told["message"].startswith("the service runs; first prediction: tabby 0.81"), told
    assert here.run("systemctl is-active edgevision") == "active\n"
    assert here.run("systemctl is-enabled edgevision") == "enabled\n"
    assert here.run("systemctl is-enabled edgevision-setup", code=1) == "disabled\n"
    assert here.try_run(f"test -e {CARD}/bundle.tar.xz").returncode == 1
    assert here.run("systemctl show -p Result --value edgevision-setup") == "success\n"


def test_read_only_sd_card_does_not_cause_a_reboot_loop(here: Here) -> None:
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
