"""Debian arm64 roots (Bookworm and Trixie) with the parts of Raspberry Pi OS Lite that matter for a first boot."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from . import debian, user_mode
from .board_image import SLOW_UNITS, SMALL_INITRAMFS
from .cpio import Entry, archive
from .debian import Recipe
from .host import IMAGES, CannotRun, run

FILES = Path(__file__).with_name("pi_files")
PACKAGES = (
    *("systemd", "systemd-sysv", "udev", "dbus", "kmod", "procps", "iproute2", "openssh-server", "python3", "sudo"),
    *("e2fsprogs", "dosfstools", "fdisk", "locales", "tzdata", "keyboard-configuration", "console-setup"),
    *("network-manager", "linux-image-arm64", "initramfs-tools"),
)
"""Packages of the root. A Lite image also has python3-venv, which is not needed."""
RECIPES = {
    "bookworm": Recipe("pi-bookworm", "bookworm", "arm64", PACKAGES, essential_hook=SMALL_INITRAMFS),
    "trixie": Recipe(
        "pi-trixie", "trixie", "arm64", (*PACKAGES, "cloud-init", "netplan.io"), essential_hook=SMALL_INITRAMFS
    ),
}
GROUPS = "adm dialout cdrom audio users sudo video games plugdev input gpio spi i2c netdev render"
"""Groups of the first account."""
OURS = "usr/lib/raspberrypi-sys-mods"
PROGRAMS = {
    "bookworm": {
        f"{OURS}/new_card": "new_card.sh",
        f"{OURS}/firstboot": "firstboot.sh",
        "usr/lib/userconf-pi/userconf": "userconf.sh",
    },
    "trixie": {f"{OURS}/new_card": "new_card.sh", "usr/lib/userconf-pi/userconf": "userconf.sh"},
}
TEXTS = {
    # The camera, and a journal in memory as configured by raspberrypi-sys-mods.
    "etc/modules-load.d/vivid.conf": "vivid\n",
    "etc/modprobe.d/vivid.conf": "options vivid n_devs=1\n",
    "usr/lib/systemd/journald.conf.d/40-rpi-volatile-storage.conf": "[Journal]\nStorage=volatile\n",
}
ACCOUNT = (
    "#cloud-config\nsystem_info:\n  default_user:\n    name: pi\n    lock_passwd: true\n"
    "    groups: [{groups}]\n    shell: /bin/bash\n"
)
BEHIND_BOOT = "[Unit]\nRequiresMountsFor=/boot/firmware\n"
UNITS = ("rpi-resize.service", "regenerate_ssh_host_keys.service")
EXTRA = {
    "bookworm": {"etc/sudoers.d/010_pi-nopasswd": "pi ALL=(ALL) NOPASSWD: ALL\n"},
    "trixie": {
        "etc/cloud/cloud.cfg.d/90_account.cfg": ACCOUNT.format(groups=GROUPS.replace(" ", ", ")),
        "etc/systemd/system/cloud-init-main.service.d/boot.conf": BEHIND_BOOT,
        "etc/systemd/system/cloud-init-local.service.d/boot.conf": BEHIND_BOOT,
        **{f"etc/systemd/system/{name}": (FILES / name).read_text() for name in UNITS},
    },
}


@dataclass(frozen=True, slots=True)
class Board:
    """The root, kernel and initrd of a board."""

    root: Path
    kernel: Path
    initrd: Path


def prepare(release: str) -> Board:
    """Build and set up the root, and return it with its kernel and initrd. Raises CannotRun."""
    if not user_mode.runs_programs():
        raise CannotRun("cannot set up the board's system: binfmt_misc is not available; run in a privileged container")
    root = debian.build(RECIPES[release])
    furnish(root, release)
    return Board(root, _newest(root, "vmlinuz"), _initrd(root, release))


def furnish(root: Path, release: str) -> None:
    """Add programs, units and the first account; idempotent. Raises CannotRun."""
    for path, name in PROGRAMS[release].items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(FILES / name, root / path)
        (root / path).chmod(0o755)
    for path, text in {**TEXTS, **EXTRA[release]}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    for key in (root / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    (root / "boot/firmware").mkdir(exist_ok=True)
    _account(root)
    run(["systemctl", "--root", root, "disable", "-q", "ssh.service"], "systemctl disable ssh")
    run(["systemctl", "--root", root, "mask", "-q", *SLOW_UNITS], "systemctl mask")
    if release == "trixie":
        run(["systemctl", "--root", root, "enable", "-q", *UNITS], "systemctl enable")


def digest(release: str) -> str:
    """Return a text that changes when OS images of this root must be rebuilt."""
    texts: Mapping[str, str] = {path.name: path.read_text() for path in sorted(FILES.iterdir())}
    return repr((RECIPES[release].digest, PROGRAMS[release], texts, TEXTS, EXTRA[release], GROUPS, SLOW_UNITS))


def _account(root: Path) -> None:
    groups = {line.split(":")[0] for line in (root / "etc/group").read_text().splitlines()}
    for group in GROUPS.split():
        if group not in groups:
            run(["groupadd", "--prefix", root, "--system", group], f"groupadd {group}")
    users = {line.split(":")[0] for line in (root / "etc/passwd").read_text().splitlines()}
    if "pi" not in users:
        joined = GROUPS.replace(" ", ",")
        command: list[str | Path] = [
            "useradd",
            "--prefix",
            root,
            "--uid",
            "1000",
            "--create-home",
            "--shell",
            "/bin/bash",
        ]
        run([*command, "--groups", joined, "pi"], "useradd pi")


def _initrd(root: Path, release: str) -> Path:
    """Return Debian's initrd, for Trixie with the script of Raspberry Pi OS in a second archive appended to it."""
    base = _newest(root, "initrd.img")
    if release != "trixie":
        return base
    target = IMAGES / f"pi-{release}.initrd"
    script = "scripts/local-bottom/resize"
    order = f'/{script} "$@"\n[ -e /conf/param.conf ] && . /conf/param.conf\n'
    added = archive(
        [
            Entry("scripts/local-bottom", None),
            Entry(script, (FILES / "initramfs_resize.sh").read_bytes(), 0o755),
            Entry("scripts/local-bottom/ORDER", order.encode()),
        ]
    )
    content = base.read_bytes()
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content + bytes(-len(content) % 4) + added)
    return target


def _newest(root: Path, name: str) -> Path:
    found = sorted((root / "boot").glob(f"{name}-*"))
    if not found:
        raise CannotRun(f"the root {root.name} has no /boot/{name}; delete its folder and try again")
    return found[-1]
