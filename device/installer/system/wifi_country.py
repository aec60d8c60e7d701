"""Enable the Wi-Fi radio, which Raspberry Pi OS keeps off until the country is set.

The country itself is a kernel argument (cfg80211.ieee80211_regdom). What remains is to enable the radio where the
system has saved it as off: systemd-rfkill(8) and NetworkManager.
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
from ..base.inside import inside

REMEMBERED = Path("var/lib/systemd/rfkill")
BOARDS = ("platform-3f300000.mmcnr", "platform-fe300000.mmcnr", "platform-1001100000.mmc")
"""udev paths (ID_PATH) of the radios of Raspberry Pi 3 and Zero 2, of 4, and of 5."""
NM_STATE = Path("var/lib/NetworkManager/NetworkManager.state")
_COUNTRY = re.compile(r"[A-Z]{2}")


def set_country(value: Any, root: Path) -> None:
    """Enable the radio, now and for future boots. Raises Refused, OSError."""
    text(value, _COUNTRY, "country")
    folder = inside(root, REMEMBERED)
    for path in {*folder.glob("*:wlan"), *(folder / f"{board}:wlan" for board in BOARDS)}:
        place(path, b"0\n")
    state = read_text(inside(root, NM_STATE))
    if "WirelessEnabled=false" in state:
        place(
            inside(root, NM_STATE, follow=False),
            state.replace("WirelessEnabled=false", "WirelessEnabled=true").encode(),
            0o644,
        )
    if root == Path("/"):
        for command in (["rfkill", "unblock", "wifi"], ["nmcli", "radio", "wifi", "on"]):
            if shutil.which(command[0]) is not None:
                with suppress(Refused):  # no radio, or NetworkManager does not run: the files apply at the next boot
                    run(command, command[0], root)
