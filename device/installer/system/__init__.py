"""System settings of a device, applied as the OS's own tools would; applying them again is safe."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..base.errors import Refused
from ..base.status import reason
from .account import set_user
from .hostname import set_hostname
from .locale import set_keyboard, set_locale, set_timezone
from .wifi import set_wifi
from .wifi_country import set_country

SETTINGS: Mapping[str, Callable[[Any, Path], None]] = {
    "hostname": set_hostname,
    "user": set_user,
    "country": set_country,
    "wifi": set_wifi,
    "timezone": set_timezone,
    "keyboard": set_keyboard,
    "locale": set_locale,  # last, since it may take a minute
}
"""Key of device.json -> function that applies the setting; each raises Refused or OSError."""


def apply(system: Mapping[str, Any], root: Path) -> list[str]:
    """Apply all given settings, even if some fail; return one line for each failure."""
    problems = [
        f"{key!r:.60}: unknown setting (made by another edgevision version?)" for key in system if key not in SETTINGS
    ]
    for key, setting in SETTINGS.items():
        if system.get(key) is None:
            continue
        try:
            setting(system[key], root)
        except Refused as error:
            problems.append(f"{key}: {error}")
        except OSError as error:
            problems.append(f"{key}: {reason(error)}")
    return problems
