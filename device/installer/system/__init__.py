"""The settings that make a system a certain device's, made as that system's own tools would. Each may be made again."""

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
    "locale": set_locale,  # last: it may take a minute
}
"""By key of device.json; each raises Refused or OSError."""


def apply(system: Mapping[str, Any], root: Path) -> list[str]:
    """Makes every setting that is given, whatever becomes of the others; one line for each that failed."""
    problems = [f"{key!r:.60}: this edgevision knows no such setting" for key in system if key not in SETTINGS]
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
