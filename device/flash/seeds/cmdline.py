"""Kernel arguments in cmdline.txt: add and remove those that start our first boot."""

from __future__ import annotations

import re

from edgevision.errors import BadInput

from ...installer.boot.firstrun_script import TOKENS

REGDOM = "cfg80211.ieee80211_regdom="
MAX_BYTES = 511
"""Maximum length in bytes: with its newline one sector, which is written completely or not at all. The firmware
reads 1024 bytes (raspberrypi/linux issue 140) and silently truncates the rest."""
_TOKEN = re.compile(r'(?:[^ \t"]|"[^"]*")+')
"""The kernel only supports double quotes, without escapes (lib/cmdline.c)."""
_FOREIGN = ("systemd.run=", "systemd.run_", "systemd.unit=")


def arm(line: str, country: str | None = None) -> str:
    """Return the line with the arguments of our first boot and the Wi-Fi country added; other arguments are kept in order.

    ``line``: content of cmdline.txt. The result has no newline. Arming a line twice changes nothing. Raises BadInput.
    """
    plain = disarm(line)
    for token in _tokens(plain):
        if token.startswith(_FOREIGN):
            raise prepared_already(token)
        if token == "--":
            raise BadInput(
                "cmdline.txt contains --, after which nothing is for the kernel; use a freshly downloaded OS image"
            )
    if country is not None:
        plain = put(plain, REGDOM, country)
    armed = " ".join([plain, *TOKENS])
    size = len(armed.encode())
    if size > MAX_BYTES:
        raise BadInput(f"cmdline.txt would have {size} bytes, but at most {MAX_BYTES} are allowed; shorten it")
    return armed


def disarm(line: str) -> str:
    """Return the line without the arguments of our first boot; the country stays. Raises BadInput."""
    return _without(_one_line(line), set(TOKENS))


def is_armed(line: str) -> bool:
    """Return whether the next boot runs our first boot. Raises BadInput."""
    return TOKENS[0] in _tokens(_one_line(line))


def put(line: str, name: str, value: str) -> str:
    """Return the line with the argument ``name`` (which ends in =) set to ``value`` once, at its end."""
    old = {token for token in _tokens(line) if token.startswith(name)}
    return f"{_without(line, old)} {name}{value}"


def prepared_already(token: str) -> BadInput:
    """Return the error for an OS image that another program has set up, since the two would conflict."""
    return BadInput(
        f"another program has already set up the OS image (cmdline.txt contains {token:.80}); use a freshly downloaded one"
    )


def _one_line(text: str) -> str:
    """Return the single line of cmdline.txt. Raises BadInput."""
    line = text.rstrip("\r\n \t").lstrip(" \t")
    if not line:
        raise BadInput("cmdline.txt is empty, so the device could not find its root; use a freshly downloaded OS image")
    if "\n" in line or "\r" in line:
        raise BadInput("cmdline.txt has several lines, but only the first is read; make it one line")
    odd = next((char for char in line if not char.isprintable() and char != "\t"), None)
    if odd is not None:
        raise BadInput(f"cmdline.txt is damaged: it contains the character {odd!a}; use a freshly downloaded OS image")
    if line.count('"') % 2:
        raise BadInput("cmdline.txt has an unclosed quote, which would include the added arguments; close it")
    return line


def _tokens(line: str) -> list[str]:
    return [match[0] for match in _TOKEN.finditer(line)]


def _without(line: str, unwanted: set[str]) -> str:
    """Remove tokens with the blanks before them; everything else is kept byte for byte."""
    kept, at = "", 0
    for match in _TOKEN.finditer(line):
        if match[0] not in unwanted:
            kept += line[at : match.end()]
        at = match.end()
    return kept.lstrip(" \t")
