"""Files that identify a Raspberry Pi OS; their sources are listed in ``raspios_image``."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Protocol

PI_GEN = "https://github.com/RPi-Distro/pi-gen"
PYTHON = {"bookworm": "3.11", "trixie": "3.13"}
DATE = {"bookworm": "2025-05-13", "trixie": "2026-06-18"}
ISSUE = {release: f"Raspberry Pi reference {date}\nGenerated using pi-gen, {PI_GEN}" for release, date in DATE.items()}
START = "console=serial0,115200 console=tty1 root=PARTUUID={id}-02 rootfstype=ext4 fsck.repair=yes rootwait"
CMDLINE = {
    "bookworm": f"{START} quiet init=/usr/lib/raspberrypi-sys-mods/firstboot",
    "trixie": f"{START} resize",
}
UBUNTU_CMDLINE = (
    "console=serial0,115200 multipath=off dwc_otg.lpm_enable=0 console=tty1 root=LABEL=writable rootfstype=ext4"
    " rootwait fixrtc"
)
ARMED = (
    " systemd.run=/boot/firmware/edgevision/firstrun.sh systemd.run_success_action=reboot"
    " systemd.run_failure_action=reboot systemd.unit=kernel-command-line.target"
)
CONFIG = "dtparam=audio=on\ncamera_auto_detect=1\ndisplay_auto_detect=1\nauto_initramfs=1\narm_64bit=1\n\n[all]\n"
FIRMWARE = ("bootcode.bin", "start.elf", "start4.elf", "fixup.dat", "fixup4.dat", "LICENCE.broadcom")
KERNELS = ("kernel8.img", "kernel_2712.img", "initramfs8", "initramfs_2712")
KERNELS_32 = ("kernel.img", "kernel7.img", "kernel7l.img", "initramfs", "initramfs7", "initramfs7l")
BOARDS = ("bcm2710-rpi-3-b-plus", "bcm2710-rpi-zero-2-w", "bcm2711-rpi-4-b", "bcm2711-rpi-cm4", "bcm2712-rpi-5-b")
OVERLAYS = ("README", "overlay_map.dtb", "disable-wifi.dtbo", "imx219.dtbo", "imx708.dtbo", "vc4-kms-v3d.dtbo")
SEEDS = {
    "user-data": "#cloud-config\n\n# How this machine is set up at its first boot.\n#hostname: raspberrypi\n",
    "meta-data": "# What identifies this machine.\ndsmode: local\ninstance_id: rpios-image\n",
    "network-config": "# Networks, as netplan writes them.\n#network:\n#  version: 2\n",
}
CLOUD = (
    "datasource_list: [ NoCloud, None ]\ndatasource:\n  NoCloud:\n    seedfrom: file:///boot/firmware\n"
    "ssh_deletekeys: false\nssh_genkeytypes: []\n"
)
VERSIONS = {"bookworm": ("12", "12.11"), "trixie": ("13", "13.5")}
PROGRAM_START = "#!/bin/sh\n# A stand-in: this image is never booted.\n"


class Shape(Protocol):
    """Fields of ``raspios_image.Flaws`` that the files depend on."""

    @property
    def armhf(self) -> bool:
        """Whether it is the 32-bit system."""

    @property
    def no_seeds(self) -> bool:
        """Whether the cloud-init files are missing."""

    @property
    def not_raspios(self) -> bool:
        """Whether it is Ubuntu instead."""

    @property
    def python(self) -> str | None:
        """Python version other than the release's."""

    @property
    def prepared(self) -> bool:
        """Whether it is already prepared."""


def boot_files(release: str, disk_id: str, shape: Shape) -> dict[str, bytes]:
    """Return path -> content of the boot partition."""
    line = UBUNTU_CMDLINE if shape.not_raspios else CMDLINE[release].format(id=disk_id)
    texts = {"cmdline.txt": f"{line}{ARMED if shape.prepared else ''}\n", "config.txt": CONFIG}
    if not shape.not_raspios:
        texts["issue.txt"] = _issue(release, shape)
    if shape.not_raspios or (release == "trixie" and not shape.no_seeds):
        texts |= SEEDS
    if shape.prepared:
        texts["edgevision/image.json"] = json.dumps({"schema": "edgevision.image/1", "files": {}})
    names = [*FIRMWARE, *KERNELS, *(KERNELS_32 if shape.armhf else ())]
    names += [f"{board}.dtb" for board in BOARDS] + [f"overlays/{name}" for name in OVERLAYS]
    stand_ins = {name: f"stand-in for {name}\n".encode() * 40 for name in names}
    return {**stand_ins, **{name: text.encode() for name, text in texts.items()}}


def furnish(root: Path, release: str, disk_id: str, shape: Shape) -> None:
    """Write the system files; existing ones of a real root (programs, dpkg's lists, users) are kept."""
    real = (root / "usr" / "bin").is_dir()
    for path, text in _settings(release, disk_id, shape).items():
        _write(root / path, text)
    if not real:
        _tiny(root, release, shape)


def _issue(release: str, shape: Shape) -> str:
    commit = "1e7a34c2d5b0987f6e5d4c3b2a1908f7e6d5c4b3" if shape.armhf else "2f8b45d3e6c1a98070f6e5d4c3b2a1908f7e6d5c"
    return f"{ISSUE[release]}, {commit}, stage2\n"


def _settings(release: str, disk_id: str, shape: Shape) -> dict[str, str]:
    """Return the files that pi-gen adds to those of the Debian packages."""
    root, boot = f"PARTUUID={disk_id}-02", f"PARTUUID={disk_id}-01"
    if shape.not_raspios:
        root, boot = "LABEL=writable", "LABEL=system-boot"
    texts = {
        "etc/fstab": f"proc            /proc           proc    defaults          0       0\n"
        f"{boot}  /boot/firmware  vfat    defaults          0       2\n"
        f"{root}  /               ext4    defaults,noatime  0       1\n",
        "etc/hostname": "raspberrypi\n",
        "etc/hosts": "127.0.0.1\tlocalhost\n::1\t\tlocalhost ip6-localhost ip6-loopback\n\n127.0.1.1\t\traspberrypi\n",
        "etc/machine-id": "uninitialized\n" if release == "trixie" else "",
        "boot/cmdline.txt": "DO NOT EDIT THIS FILE\n\nThe file you are looking for has moved to /boot/firmware/cmdline.txt\n",
    }
    if not shape.not_raspios:
        texts["etc/rpi-issue"] = _issue(release, shape)
    if release == "trixie":
        texts["etc/cloud/cloud.cfg.d/99_raspberry-pi.cfg"] = CLOUD
        texts["usr/lib/netplan/00-network-manager-all.yaml"] = "network:\n  version: 2\n  renderer: NetworkManager\n"
    return texts


def _tiny(root: Path, release: str, shape: Shape) -> None:
    """Write stand-ins for the files of the Debian packages."""
    for name in ("bin", "sbin", "lib"):
        (root / "usr" / name).mkdir(parents=True, exist_ok=True)
        (root / name).symlink_to(f"usr/{name}")
    for name in ("boot/firmware", "dev", "home/pi", "opt", "proc", "run", "sys", "tmp", "var/log"):
        (root / name).mkdir(parents=True, exist_ok=True)
    for path, text in _packaged(release, shape).items():
        _write(root / path, text)
    (root / "etc/os-release").symlink_to("../usr/lib/os-release")
    python = shape.python or ("3.12" if shape.not_raspios else PYTHON[release])
    (root / f"usr/bin/python{python}").write_bytes(_elf(32 if shape.armhf else 64))
    (root / f"usr/bin/python{python}").chmod(0o755)
    (root / "usr/bin/python3").symlink_to(f"python{python}")
    _write(root / f"usr/lib/python{python}/EXTERNALLY-MANAGED", "[externally-managed]\n")


def _packaged(release: str, shape: Shape) -> dict[str, str]:
    own, other = ("armhf", "arm64") if shape.armhf else ("arm64", "armhf")
    user = "ubuntu:x:1000:1000::/home/ubuntu" if shape.not_raspios else "pi:x:1000:1000:,,,:/home/pi"
    name = user.split(":")[0]
    texts = {
        "usr/lib/os-release": _os_release(release, shape),
        "etc/debian_version": f"{VERSIONS[release][1]}\n",
        "etc/passwd": f"root:x:0:0:root:/root:/bin/bash\n{user}:/bin/bash\n",
        "etc/group": f"root:x:0:\nsudo:x:27:{name}\nvideo:x:44:{name}\n{name}:x:1000:\n",
        "etc/shadow": f"root:*:20000:0:99999:7:::\n{name}:!:20000:0:99999:7:::\n",
        "var/lib/dpkg/arch": f"{own}\n{other}\n",
        "var/lib/dpkg/status": "\n".join(_package(name, own) for name in _packages(release, shape)),
    }
    programs = [] if shape.not_raspios else ["usr/lib/userconf-pi/userconf", "usr/lib/raspberrypi-sys-mods/get_fw_loc"]
    if release == "bookworm" and not shape.not_raspios:
        programs += [f"usr/lib/raspberrypi-sys-mods/{name}" for name in ("firstboot", "imager_custom")]
    return texts | dict.fromkeys(programs, PROGRAM_START)


def _packages(release: str, shape: Shape) -> list[str]:
    names = ["base-files", "libc6", "python3-minimal", "systemd"]
    names += ["cloud-init"] if release == "trixie" or shape.not_raspios else []
    if shape.not_raspios:
        return names
    own = ["raspberrypi-sys-mods", "userconf-pi"] + (["rpi-cloud-init-mods"] if release == "trixie" else [])
    return names + own


def _package(name: str, arch: str) -> str:
    return f"Package: {name}\nStatus: install ok installed\nPriority: important\nArchitecture: {arch}\nVersion: 1\n"


def _os_release(release: str, shape: Shape) -> str:
    number = VERSIONS[release][0]
    if shape.not_raspios:
        fields = {"PRETTY_NAME": "Ubuntu 24.04.4 LTS", "NAME": "Ubuntu", "VERSION_ID": "24.04"}
        release, number, ident = "noble", "24.04.4 LTS", "ubuntu\nID_LIKE=debian"
    else:
        system, ident = ("Raspbian", "raspbian\nID_LIKE=debian") if shape.armhf else ("Debian", "debian")
        fields = {"PRETTY_NAME": f"{system} GNU/Linux {number} ({release})", "NAME": f"{system} GNU/Linux"}
        fields["VERSION_ID"] = number
    fields["VERSION"] = f"{number} ({release})"
    lines = [f'{key}="{value}"' for key, value in fields.items()]
    return "\n".join([*lines, f"VERSION_CODENAME={release}", f"ID={ident}", ""])


def _elf(bits: int) -> bytes:
    """Return the start of an ELF program for 64-bit ARM (183) or 32-bit ARM (40), little endian."""
    start = b"\x7fELF" + bytes([2 if bits == 64 else 1, 1, 1]) + bytes(9)
    return start + struct.pack("<HHI", 3, 183 if bits == 64 else 40, 1) + bytes(4000)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    if text.startswith("#!"):
        path.chmod(0o755)
