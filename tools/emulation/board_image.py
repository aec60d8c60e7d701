"""The disk image of the emulated board: Debian 12 with kernel, systemd, ssh and the runtime's packages; built once."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from . import debian, image, user_mode, wheels
from .arm64 import SETS
from .board import make_key
from .debian import Recipe
from .host import IMAGES, CannotRun, run

DRIVERS = "virtio_blk virtio_pci virtio_mmio virtio_net ext4 vfat nls_ascii nls_cp437"
"""Drivers in the initramfs; with all drivers, making it takes ten minutes under emulation."""
SMALL_INITRAMFS = (
    'mkdir -p "$1/etc/initramfs-tools/conf.d" "$1/usr/share/initramfs-tools/modules.d" && '
    'printf "MODULES=list\\nCOMPRESS=gzip\\nFSTYPE=ext4\\n" > "$1/etc/initramfs-tools/conf.d/zz-board" && '
    f'printf "%s\\n" {DRIVERS} > "$1/usr/share/initramfs-tools/modules.d/board"'
)
ROOT = Recipe(
    "board",
    "bookworm",
    "arm64",
    (
        *("systemd", "systemd-sysv", "udev", "dbus", "kmod", "openssh-server", "python3", "procps", "iproute2"),
        *("linux-image-arm64", "initramfs-tools"),
    ),
    essential_hook=SMALL_INITRAMFS,
)
FILES = {
    "etc/hostname": "board\n",
    "etc/hosts": "127.0.0.1 localhost\n127.0.1.1 board\n",
    "etc/fstab": "LABEL=rootfs / ext4 defaults 0 1\nLABEL=bootfs /boot/firmware vfat defaults 0 2\n",
    "etc/systemd/network/eth0.network": "[Match]\nName=eth0\n[Network]\nDHCP=yes\n",
    "etc/ssh/sshd_config.d/board.conf": "PermitRootLogin prohibit-password\nUseDNS no\n",
    "etc/profile.d/edgevision.sh": "export PYTHONPATH=/opt/edgevision:/opt/newest\n",
    "usr/local/bin/edgevision": '#!/bin/sh\nPYTHONPATH=/opt/edgevision:/opt/newest exec python3 -m edgevision "$@"\n',
}
SLOW_UNITS = ("apt-daily.timer", "apt-daily-upgrade.timer", "e2scrub_all.timer", "e2scrub_reap.service", "fstrim.timer")
USERS = {"pi": "video", "guest": ""}
"""Users that can log in and their additional group: pi may use cameras, guest may not."""


@dataclass(frozen=True, slots=True)
class BoardImage:
    """The files that boot the board."""

    disk: Path
    kernel: Path
    initrd: Path
    key: Path
    """Private ssh key for root and the users."""


def build() -> BoardImage:
    """Build the image, unless it is up to date. Raises CannotRun."""
    key = make_key(IMAGES / "key")
    public = key.with_suffix(".pub").read_text()
    texts = [ROOT.digest, SETS[0].digest, public, repr(FILES), repr(USERS), repr(SLOW_UNITS)]
    digest = hashlib.sha256("\n".join(texts).encode()).hexdigest()
    disk, stamp = IMAGES / "board.img", IMAGES / ".board"
    root = ROOT.folder
    if not (disk.exists() and stamp.exists() and stamp.read_text() == digest):
        if not user_mode.runs_programs():
            raise CannotRun(
                "cannot set up the board's system: binfmt_misc is not available; run in a privileged container"
            )
        root = debian.build(ROOT)
        wheels.install(SETS[0], root)
        _furnish(root, public)
        image.build(root, {"README.txt": b"The boot partition of an emulated board.\n"}, disk)
        stamp.write_text(digest)
    return BoardImage(disk, _newest(root, "vmlinuz"), _newest(root, "initrd.img"), key)


def _furnish(root: Path, public: str) -> None:
    """Set up network, users and keys before the first boot."""
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "usr/local/bin/edgevision").chmod(0o755)
    (root / "boot" / "firmware").mkdir(exist_ok=True)
    known = {line.split(":")[0] for line in (root / "etc/passwd").read_text().splitlines()}
    for user, group in USERS.items():
        if user not in known:
            groups = ["--groups", group] if group else []
            run(
                ["useradd", "--prefix", root, "--create-home", "--shell", "/bin/bash", *groups, user], f"useradd {user}"
            )
    for home in ("root", *(f"home/{user}" for user in USERS)):
        _authorize(root / home, public)
    for unit in ("systemd-networkd.service", "ssh.service"):
        run(["systemctl", "--root", root, "enable", unit], f"systemctl enable {unit}")
    run(["systemctl", "--root", root, "mask", *SLOW_UNITS], "systemctl mask")


def _authorize(home: Path, public: str) -> None:
    owner = home.stat()
    folder = home / ".ssh"
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / "authorized_keys").write_text(public)
    for path in (folder, folder / "authorized_keys"):
        os.chown(path, owner.st_uid, owner.st_gid)


def _newest(root: Path, name: str) -> Path:
    found = sorted((root / "boot").glob(f"{name}-*"))
    if not found:
        raise CannotRun(f"the root {root.name} has no /boot/{name}; delete its folder and try again")
    return found[-1]
