"""Time zone, keyboard layout and language."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

from ..base.atomic_files import place, place_link, read_text
from ..base.checks import text
from ..base.commands import run
from ..base.errors import Refused
from ..base.inside import inside

ZONES = Path("usr/share/zoneinfo")
KEYBOARD = Path("etc/default/keyboard")
SUPPORTED, ACTIVE, LANG = Path("usr/share/i18n/SUPPORTED"), Path("etc/locale.gen"), Path("etc/default/locale")
BUILT_IN = ("C", "POSIX", "C.UTF-8")
_ZONE = re.compile(r"[A-Za-z0-9_+-]{1,40}(/[A-Za-z0-9_+-]{1,40}){0,3}")
_LAYOUT = re.compile(r"[a-z]{2,12}(,[a-z]{2,12}){0,3}")
_LOCALE = re.compile(r"[A-Za-z]{1,10}(_[A-Z]{2})?(\.[A-Za-z0-9-]{1,20})?(@[a-z]{1,20})?")


def set_timezone(value: Any, root: Path) -> None:
    """Set /etc/localtime and /etc/timezone. Raises Refused, OSError."""
    zone = text(value, _ZONE, "time zone")
    if not inside(root, ZONES / zone).is_file():
        raise Refused(f"unknown time zone on this system: {zone}")
    place_link(inside(root, "etc/localtime", follow=False), f"/{ZONES / zone}")
    place(inside(root, "etc/timezone", follow=False), f"{zone}\n".encode())


def set_keyboard(value: Any, root: Path) -> None:
    """Set the layout in /etc/default/keyboard (keyboard(5)) and keep its other lines. Raises Refused, OSError."""
    ours = f'XKBLAYOUT="{text(value, _LAYOUT, "keyboard layout")}"'
    lines = read_text(inside(root, KEYBOARD)).splitlines() or ['XKBMODEL="pc105"', 'XKBVARIANT=""', 'XKBOPTIONS=""']
    kept = [line for line in lines if not line.startswith("XKBLAYOUT=")]
    place(inside(root, KEYBOARD, follow=False), ("\n".join([*kept, ours]) + "\n").encode("utf-8", "surrogateescape"))
    if root == Path("/") and shutil.which("setupcon") is not None:
        run(["setupcon", "-k", "--save-only"], "setupcon", root)


def set_locale(value: Any, root: Path) -> None:
    """Set the system-wide locale and generate it if necessary. Raises Refused, OSError."""
    locale = text(value, _LOCALE, "locale")
    line = f"LANG={locale}"
    if line in read_text(inside(root, LANG)).splitlines():
        return
    if locale not in BUILT_IN:
        _make(locale, root)
    others = [one for one in read_text(inside(root, LANG)).splitlines() if not one.startswith("LANG=")]
    place(inside(root, LANG, follow=False), ("\n".join([*others, line]) + "\n").encode("utf-8", "surrogateescape"))


def _make(locale: str, root: Path) -> None:
    known = [line.strip() for line in read_text(inside(root, SUPPORTED)).splitlines() if line.split()[:1] == [locale]]
    if not known:
        raise Refused(f"unknown locale on this system: {locale}")
    lines = read_text(inside(root, ACTIVE)).splitlines()
    if known[0] not in (line.strip() for line in lines):
        place(
            inside(root, ACTIVE, follow=False),
            ("\n".join([*lines, known[0]]) + "\n").encode("utf-8", "surrogateescape"),
        )
    if root == Path("/"):
        run(["locale-gen", "--keep-existing"], "locale-gen", root)
