"""Default answers for the wizard, taken from this computer and its user."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edgevision.errors import BadInput

from .host_names import check_user
from .locale import KEYBOARDS, check_keyboard, check_locale, check_timezone, country_of_zone
from .ssh_keys import read_keys

ZONES = "zoneinfo/"
SYSTEM_LOCALE = "en_GB.UTF-8"
"""Default locale of Raspberry Pi OS."""


@dataclass(frozen=True, slots=True)
class Host:
    """Places to read the defaults from."""

    home: Path = field(default_factory=Path.home)
    etc: Path = Path("/etc")
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)

    def user(self) -> str:
        """Return the current user's name, or edge."""
        return _first([self.environ.get("LOGNAME", ""), self.environ.get("USER", "")], check_user, "edge")

    def ssh_keys(self) -> dict[str, str]:
        """Return line of authorized_keys -> file name for the .pub files in ~/.ssh."""
        found: dict[str, str] = {}
        for path in sorted((self.home / ".ssh").glob("*.pub")):
            try:
                keys = read_keys(path)
            except BadInput:
                continue
            found |= {key: f"~/.ssh/{path.name}" for key in keys if key not in found}
        return found

    def timezone(self) -> str:
        """Return this computer's time zone, or UTC."""
        named = [self.environ.get("TZ", "").removeprefix(":"), _read(self.etc / "timezone").strip()]
        with contextlib.suppress(OSError):  # not a link: some systems have a copy
            named.append(str((self.etc / "localtime").readlink()).rpartition(ZONES)[2])
        return _first(named, check_timezone, "UTC")

    def locale(self) -> str:
        """Return the user's locale, or the default of Raspberry Pi OS."""
        named = [self.environ.get(name, "") for name in ("LC_ALL", "LC_CTYPE", "LANG")]
        return _first([one for one in named if one != "C.UTF-8"], check_locale, SYSTEM_LOCALE)

    def keyboard(self, locale: str) -> str:
        """Return this computer's keyboard layout, or the usual one of the locale's country."""
        lines = _read(self.etc / "default" / "keyboard").splitlines()
        named = [line.partition("=")[2].strip("\"' ").split(",")[0] for line in lines if line.startswith("XKBLAYOUT=")]
        country = territory(locale).lower()
        return _first([*named, country if country in KEYBOARDS else "us"], check_keyboard, "us")


def country(timezone: str, locale: str) -> str:
    """Return the country of the time zone, or else of the locale; empty if unknown."""
    return country_of_zone(timezone) or territory(locale)


def territory(locale: str) -> str:
    """Return the territory of a locale: de_DE.UTF-8 -> DE."""
    return locale.partition(".")[0].partition("_")[2]


def _first(named: list[str], check: Callable[[str], str], otherwise: str) -> str:
    """Return the first valid value."""
    for one in named:
        try:
            return check(one)
        except BadInput:
            continue
    return otherwise


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
