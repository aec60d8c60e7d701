"""The one line of cmdline.txt: how it starts our first boot once, and how it is taken out again."""

from __future__ import annotations

import re

from edgevision.errors import BadInput

from ...installer.boot.firstrun_script import TOKENS

REGDOM = "cfg80211.ieee80211_regdom="
MAX_BYTES = 511
"""With its newline one sector of the card, which is written whole or not at all. The firmware takes 1024
(raspberrypi/linux issue 140) and would cut off the rest without a word."""
_TOKEN = re.compile(r'(?:[^ \t"]|"[^"]*")+')
"""The kernel knows double quotes alone, and no escapes (lib/cmdline.c)."""
_FOREIGN = ("systemd.run=", "systemd.run_", "systemd.unit=")


def arm(line: str, country: str | None = None) -> str:
    """The line with our first start in it, and the country of the radio; what was there stays as it is, in its order.

    ``line``: all of cmdline.txt. The result ends without a newline; arming it again changes nothing. Raises BadInput.
    """
    plain = disarm(line)
    for token in _tokens(plain):
        if token.startswith(_FOREIGN):
            raise prepared_already(token)
        if token == "--":
            raise BadInput("cmdline.txt holds --, and what follows it is not for the kernel; take a fresh image")
    if country is not None:
        plain = put(plain, REGDOM, country)
    armed = " ".join([plain, *TOKENS])
    size = len(armed.encode())
    if size > MAX_BYTES:
        raise BadInput(f"cmdline.txt would have {size} bytes, and there is room for {MAX_BYTES}; shorten it")
    return armed


def disarm(line: str) -> str:
    """The line without the tokens that start our first boot; the country stays. Raises BadInput."""
    return _without(_one_line(line), set(TOKENS))


def is_armed(line: str) -> bool:
    """Whether the next start would run our first boot. Raises BadInput."""
    return TOKENS[0] in _tokens(_one_line(line))


def put(line: str, name: str, value: str) -> str:
    """The line with ``name`` (which ends in =) given once, at its end, with this value."""
    old = {token for token in _tokens(line) if token.startswith(name)}
    return f"{_without(line, old)} {name}{value}"


def prepared_already(token: str) -> BadInput:
    """Two programs that set up one system would get into each other's way."""
    return BadInput(
        f"cmdline.txt holds {token:.80}: this image was prepared already, by another program; take a fresh image"
    )


def _one_line(text: str) -> str:
    """Raises BadInput."""
    line = text.rstrip("\r\n \t").lstrip(" \t")
    if not line:
        raise BadInput("cmdline.txt is empty: a board could not find its root; take a fresh image")
    if "\n" in line or "\r" in line:
        raise BadInput("cmdline.txt has several lines, and boards read the first alone; make it one line")
    odd = next((char for char in line if not char.isprintable() and char != "\t"), None)
    if odd is not None:
        raise BadInput(f"cmdline.txt holds the character {odd!a}, so it is damaged; take a fresh image")
    if line.count('"') % 2:
        raise BadInput("cmdline.txt has a quote that is never closed, and would swallow what is added; close it")
    return line


def _tokens(line: str) -> list[str]:
    return [match[0] for match in _TOKEN.finditer(line)]


def _without(line: str, unwanted: set[str]) -> str:
    """Takes tokens out with the blanks before them; everything else keeps its bytes."""
    kept, at = "", 0
    for match in _TOKEN.finditer(line):
        if match[0] not in unwanted:
            kept += line[at : match.end()]
        at = match.end()
    return kept.lstrip(" \t")
