"""The unit that installs the bundle at the second start, beside everything else that starts then."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from ..base.atomic_files import place as place_file
from ..base.atomic_files import place_link, place_text, sync_folder
from .boot_partition import FOLDER, INSTALLER

HOME = Path("opt/edgevision/setup")
NAME = "edgevision-setup.service"
UNITS = Path("etc/systemd/system")
WANTED = UNITS / "multi-user.target.wants" / NAME

UNIT = f"""# Placed at the first start of a card made by edgevision; it switches itself off when all is installed.
[Unit]
Description=edgevision: install what the card brings
ConditionPathExists=/{HOME / INSTALLER}
RequiresMountsFor={FOLDER.parent}

[Service]
# Not oneshot: nothing waits for it, neither log-in and SSH nor cloud-init, which runs after multi-user.target.
Type=exec
ExecStart=/usr/bin/python3 -I /{HOME / INSTALLER} --setup {FOLDER}
RuntimeMaxSec=2h
Restart=no
Nice=5
IOWeight=50
CPUWeight=50
LimitCORE=0
UMask=0022

# It installs, so it may write; it needs no network, no other machine, no new privilege.
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
    """Copies the installer, places the unit and switches it on. Raises OSError."""
    place_file(root / HOME / INSTALLER, (card / INSTALLER).read_bytes())
    place_text(root / UNITS / NAME, UNIT)
    place_link(root / WANTED, f"../{NAME}")


def switch_off(root: Path) -> None:
    """The next start has nothing to install. Raises OSError."""
    (root / WANTED).unlink(missing_ok=True)
    with suppress(FileNotFoundError):
        sync_folder((root / WANTED).parent)
