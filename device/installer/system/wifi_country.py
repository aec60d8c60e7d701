"""The radio that Raspberry Pi OS keeps switched off until it knows in which country it is.

The country itself stands on the kernel's line (cfg80211.ieee80211_regdom). What is left is to switch the radio on where
the system remembers it as off: systemd-rfkill(8) and NetworkManager.
"""

from __future__ import annotations

import re
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..base.atomic_files import place, read_text
from ..base.checks import text
from ..base.commands import run
from ..base.errors import Refused

REMEMBERED = Path("var/lib/systemd/rfkill")
BOARDS = ("platform-3f300000.mmcnr", "platform-fe300000.mmcnr", "platform-1001100000.mmc")
"""The radios of Raspberry Pi 3 and Zero 2, of 4, and of 5, as udev names them (ID_PATH)."""
NM_STATE = Path("var/lib/NetworkManager/NetworkManager.state")
_COUNTRY = re.compile(r"[A-Z]{2}")


def set_country(value: Any, root: Path) -> None:
    """Switches the radio on, from the next start on and now. Raises Refused, OSError."""
    text(value, _COUNTRY, "the country")
    folder = root / REMEMBERED
    for path in {*folder.glob("*:wlan"), *(folder / f"{board}:wlan" for board in BOARDS)}:
        place(path, b"0\n")
    state = read_text(root / NM_STATE)
    if "WirelessEnabled=false" in state:
        place(root / NM_STATE, state.replace("WirelessEnabled=false", "WirelessEnabled=true").encode(), 0o644)
    if root == Path("/"):
        for command in (["rfkill", "unblock", "wifi"], ["nmcli", "radio", "wifi", "on"]):
            if shutil.which(command[0]) is not None:
                with suppress(Refused):  # no radio, or no NetworkManager running: the files say it to the next start
                    run(command, command[0], root)
