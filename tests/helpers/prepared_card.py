"""A prepared SD card as folders: its boot partition, and the root of its system beside it."""

from __future__ import annotations

import io
import json
import platform
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import small_bundle
from edgevision.device.flash.config.records import DeviceConfig, User, Wifi
from edgevision.device.flash.image import bundle_file
from edgevision.device.flash.image.identify import SystemImage
from edgevision.device.flash.image.payload import Payload, plan
from edgevision.device.installer.archive.manifest import INSTALLER, UNIT
from edgevision.device.installer.base.loop import UNNAMED, Loop
from raspios_files import CMDLINE, boot_files, furnish
from raspios_image import DISK_ID, Flaws

INSTANCE = "edgevision-0123456789ab"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ me@home"
HASH = "$6$saltsalt$" + "a" * 86
CONFIG = DeviceConfig(
    hostname="shelfcam-07",
    user=User("edge", (KEY,), HASH, "password"),
    wifi=Wifi(b"My Net; \\", "wpa2", psk="ab" * 32, hidden=True),
    country="DE",
    locale="de_DE.UTF-8",
    keyboard="de",
    timezone="Europe/Berlin",
)
PYTHON = ".".join(map(str, sys.version_info[:2]))
NEEDED = ("usermod", "useradd", "groupmod", "chpasswd", "systemctl")
FAKE_PIP = b"""# Fake pip that unpacks wheels into the environment that runs it.
import sys, sysconfig, zipfile
if sys.argv[1] == "install":
    for wheel in [one for one in sys.argv[2:] if one.endswith(".whl")]:
        zipfile.ZipFile(wheel).extractall(sysconfig.get_paths()["purelib"])
"""
FAKE_PROOF = b"""# Fake model check that only looks at the size of the model.
import pathlib, sys
sys.exit(0 if pathlib.Path(sys.argv[1]).stat().st_size > 1000 else "too small")
"""
DEBIAN = {
    # Files of Raspberry Pi OS that the tiny root of raspios_files does not have.
    "usr/lib/systemd/system/ssh.service": "[Unit]\nDescription=sshd\n[Service]\nExecStart=/usr/sbin/sshd -D\n"
    "[Install]\nWantedBy=multi-user.target\nAlias=sshd.service\n",
    "usr/lib/systemd/system/getty@.service": "[Service]\nExecStart=-/sbin/agetty %I\n",
    "usr/lib/systemd/system/userconfig.service": "[Service]\nExecStart=/usr/lib/userconf-pi/userconf-service\n",
    "etc/ssh/sshd_config": "Include /etc/ssh/sshd_config.d/*.conf\nKbdInteractiveAuthentication no\nUsePAM yes\n",
    "etc/ssh/sshd_config.d/rename_user.conf": "Banner /usr/share/userconf-pi/sshd_banner\n",
    "etc/default/keyboard": '# KEYBOARD CONFIGURATION FILE\nXKBMODEL="pc105"\nXKBLAYOUT="gb"\nXKBVARIANT=""\n',
    "etc/default/locale": "LANG=en_GB.UTF-8\n",
    "etc/locale.gen": "# de_DE.UTF-8 UTF-8\nen_GB.UTF-8 UTF-8\n",
    "usr/share/i18n/SUPPORTED": "de_DE ISO-8859-1\nde_DE.UTF-8 UTF-8\nen_GB.UTF-8 UTF-8\n",
    "usr/share/zoneinfo/Europe/Berlin": "TZif\n",
    "etc/timezone": "Europe/London\n",
    "etc/sudoers": "%sudo\tALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n",
    "etc/sudoers.d/010_pi-nopasswd": "pi ALL=(ALL) NOPASSWD: ALL\n",
    "etc/subuid": "other:100000:65536\npi:165536:65536\n",
    "etc/subgid": "pi:165536:65536\n",
    "etc/gshadow": "root:*::\nsudo:*::pi\nvideo:*::pi\npi:!::\n",
    "home/pi/.profile": "# of pi\n",
    "var/lib/systemd/rfkill/platform-fe300000.mmcnr:wlan": "1\n",
    "var/lib/systemd/rfkill/platform-soc:bluetooth": "1\n",
    "var/lib/NetworkManager/NetworkManager.state": "[main]\nNetworkingEnabled=true\nWirelessEnabled=false\n",
}


@dataclass(frozen=True, slots=True)
class Prepared:
    """A prepared SD card in its device."""

    root: Path
    boot: Path

    @property
    def card(self) -> Path:
        """The edgevision folder on the boot partition."""
        return self.boot / "edgevision"

    @property
    def status(self) -> dict[str, Any]:
        """Content of status.json."""
        value = json.loads((self.card / "status.json").read_text())
        assert isinstance(value, dict)
        return value

    @property
    def current(self) -> Path:
        """Folder of the current release."""
        return (self.root / "opt/edgevision/current").resolve()

    def device(self, **changes: Any) -> None:
        """Change fields of device.json."""
        path = self.card / "device.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    def text(self, path: str) -> str:
        """Return the text of a system file."""
        return (self.root / path).read_text()


def prepare(
    folder: Path,
    release: str = "bookworm",
    config: DeviceConfig = CONFIG,
    bundle: Path | None = None,
    trust: Sequence[Path] = (),
) -> Prepared:
    """Write the files of ``flash image`` and a small root; skip the test if Debian's tools are not installed."""
    if missing := [name for name in NEEDED if shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin") is None]:
        pytest.skip(f"not installed: {' '.join(missing)}")
    prepared = Prepared(folder / "root", folder / "boot")
    prepared.card.mkdir(parents=True)
    furnish(prepared.root, release, DISK_ID, Flaws())
    for path, text in DEBIAN.items():
        (prepared.root / path).parent.mkdir(parents=True, exist_ok=True)
        (prepared.root / path).write_text(text)
    wizard = prepared.root / "etc/systemd/system/multi-user.target.wants/userconfig.service"
    wizard.parent.mkdir(parents=True)
    wizard.symlink_to("/usr/lib/systemd/system/userconfig.service")
    system = SystemImage(release, release, PYTHON, platform.machine(), _line(release), DISK_ID, 8 << 20, 300 << 20)
    loaded = bundle_file.load(bundle or small_bundle.build(folder / "small.tar.xz", PYTHON, "riscv64"))
    injection = plan(Payload(config, system, loaded, [key.read_bytes() for key in trust], INSTANCE))
    files = boot_files(release, DISK_ID, Flaws()) | dict(injection.files) | {"cmdline.txt": injection.cmdline}
    for path, content in files.items():
        (prepared.boot / path).parent.mkdir(parents=True, exist_ok=True)
        (prepared.boot / path).write_bytes(content)
    return prepared


def installable(
    path: Path,
    sign: Path | None = None,
    model: bytes = b"a model\n" * 500,
    unit: bytes = small_bundle.FILES["edgevision.service"],
    number: int | None = None,
    loop: Loop = UNNAMED,
    config: bytes = small_bundle.FILES["run.toml"],
    installer: bytes = small_bundle.FILES["install.pyz"],
) -> Path:
    """Write a bundle for this machine that installs within seconds, with a fake pip and a fake model check."""
    wheels = {
        "wheels/pip-1-py3-none-any.whl": {"pip/__main__.py": FAKE_PIP},
        "wheels/edgevision-0.1.0-py3-none-any.whl": {
            "edgevision/__init__.py": b"",
            "edgevision/device/__init__.py": b"",
            "edgevision/device/bundle/__init__.py": b"",
            "edgevision/device/bundle/verify_model.py": FAKE_PROOF,
        },
    }
    files = {name: _wheel(content) for name, content in wheels.items()}
    files |= {name: data for name, data in small_bundle.FILES.items() if not name.startswith(("wheels/", UNIT))}
    files |= {"model.tflite": model, "run.toml": config, loop.unit: unit, INSTALLER: installer}
    return small_bundle.build(path, PYTHON, platform.machine(), sign, files=files, number=number)


def run_first(prepared: Prepared, *options: object) -> subprocess.CompletedProcess[str]:
    """Run the first boot, without systemd."""
    return start(prepared, "--first-boot", prepared.card, *options)


def run_setup(prepared: Prepared, *options: object) -> subprocess.CompletedProcess[str]:
    """Run the second boot, without systemd, with the installer that the first boot copied."""
    pyz = prepared.root / "opt/edgevision/setup/install.pyz"
    return start(prepared, "--setup", prepared.card, *options, pyz=pyz)


def start(prepared: Prepared, *options: object, pyz: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run install.pyz with a Python that cannot import edgevision."""
    command = [sys.executable, "-I", pyz or prepared.card / "install.pyz", *options, "--root", prepared.root]
    done = subprocess.run([str(one) for one in command], capture_output=True, text=True, timeout=300, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done


def _line(release: str) -> str:
    """Return cmdline.txt of the release."""
    return CMDLINE[release].format(id=DISK_ID)


def _wheel(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data)  # its fixed date gives the same bytes each time
    return stream.getvalue()
