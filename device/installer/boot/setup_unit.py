"""systemd unit that installs the bundle at the second boot, while the rest of the system starts."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from ..base.atomic_files import place as place_file
from ..base.atomic_files import place_link, place_text, sync_folder
from ..base.inside import inside
from .boot_partition import FOLDER, INSTALLER

HOME = Path("opt/edgevision/setup")
NAME = "edgevision-setup.service"
UNITS = Path("etc/systemd/system")
WANTED = UNITS / "multi-user.target.wants" / NAME

UNIT = f"""# Installed at the first boot of an SD card prepared by edgevision; disables itself after the installation.
[Unit]
Description=edgevision: install the bundle from the SD card
ConditionPathExists=/{HOME / INSTALLER}
RequiresMountsFor={FOLDER.parent}

[Service]
# Not oneshot, so that nothing waits for it: neither login and SSH nor cloud-init, which runs after multi-user.target.
Type=exec
ExecStart=/usr/bin/python3 -I /{HOME / INSTALLER} --setup {FOLDER}
RuntimeMaxSec=2h
Restart=no
Nice=5
IOWeight=50
CPUWeight=50
LimitCORE=0
UMask=0022

# It installs files, so it may write; it needs neither a network nor new privileges.
NoNewPrivileges=yes
PrivateTmp=yes
ProtectControlGroups=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
RestrictAddressFamilies=AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
IPAddressDeny=any
SystemCallArchitectures=native

[Install]
WantedBy=multi-user.target
"""


def place(card: Path, root: Path) -> None:
    """Copy the installer, and install and enable the unit. Raises OSError."""
    place_file(inside(root, HOME / INSTALLER, follow=False), (card / INSTALLER).read_bytes())
    place_text(inside(root, UNITS / NAME, follow=False), UNIT)
    place_link(inside(root, WANTED, follow=False), f"../{NAME}")


def switch_off(root: Path) -> None:
    """Disable the unit, so that the next boot installs nothing. Raises OSError."""
    wanted = inside(root, WANTED, follow=False)
    wanted.unlink(missing_ok=True)
    with suppress(FileNotFoundError):
        sync_folder(wanted.parent)
