"""A loop of a device: the one without a name, or one of several with names. Everything of it is named after it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from .errors import Refused

UNITS = Path("etc/systemd/system")
PREFIX = "edgevision"
VARIABLE = "EDGEVISION_LOOP"
"""Variable with the name of the loop, for its own program; the loop without a name has none."""
FORM = "up to 20 lowercase letters, digits and dashes, with no dash at either end"
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,18}[a-z0-9])?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Loop:
    """Names of what belongs to one loop. Wheels, releases, keys and the manager are shared by all loops."""

    name: str | None = None
    """None: the loop without a name."""

    @property
    def service(self) -> str:
        """Name for systemctl: an instance, so that ``edgevision@*`` matches all loops with names."""
        return PREFIX if self.name is None else f"{PREFIX}@{self.name}"

    @property
    def unit(self) -> str:
        """Name of the unit file."""
        return f"{self.service}.service"

    @property
    def slug(self) -> str:
        """Name of its user, of its folders in /var/lib and /run, and of its lines in the journal; a user's has 31 letters."""
        return PREFIX if self.name is None else f"{PREFIX}-{self.name}"

    @property
    def home(self) -> Path:
        """Folder of its current release and state.json, below the root."""
        return self._below(Path("opt") / PREFIX)

    @property
    def settings(self) -> Path:
        """Folder of its configuration, below the root."""
        return self._below(Path("etc") / PREFIX)

    @property
    def runtime(self) -> Path:
        """Folder of health.json."""
        return Path("/run") / self.slug

    @property
    def option(self) -> str:
        """The option that names it on a command line, after a space; empty for the loop without a name."""
        return "" if self.name is None else f" --name {self.name}"

    def _below(self, folder: Path) -> Path:
        return folder if self.name is None else folder / "loops" / self.name


UNNAMED = Loop()


def is_name(text: str) -> bool:
    """Return whether a loop can have this name."""
    return _NAME.fullmatch(text) is not None


def named(name: str | None) -> Loop:
    """Return the loop with a name; None: the one without. Raises Refused for a name that no loop can have."""
    if name is not None and not is_name(name):
        raise Refused(f"not the name of a loop: {name!r:.60}; use {FORM}")
    return Loop(name)


def loop_of_unit(file: str) -> Loop | None:
    """Return the loop that a unit file belongs to, by the name of the file; None: none."""
    if file == UNNAMED.unit:
        return UNNAMED
    name = file.removeprefix(f"{PREFIX}@").removesuffix(".service")
    return Loop(name) if is_name(name) and Loop(name).unit == file else None
