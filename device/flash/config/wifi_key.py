"""The name and the key of a wireless network (IEEE 802.11-2020). No message ever holds a password."""

from __future__ import annotations

import hashlib
import re
import unicodedata

from edgevision.errors import BadInput

LONGEST_SSID = 32
"""Bytes (9.4.2.2)."""
ROUNDS = 4096
PSK_BYTES = 32
_PSK = re.compile(r"[0-9A-Fa-f]{64}")
_UNWANTED = frozenset({"Cc", "Zl", "Zp"})
"""Control characters and line ends: nobody types them, and what reads them next may take them for something else."""


def check_ssid(text: str) -> bytes:
    """1 to 32 bytes of UTF-8, without control characters. Raises BadInput."""
    raw = text.encode()
    if not raw:
        raise BadInput("the network's name (ssid) is empty")
    if len(raw) > LONGEST_SSID:
        raise BadInput(f"the network's name (ssid) has {len(raw)} bytes; there are at most {LONGEST_SSID}")
    if any(unicodedata.category(letter) in _UNWANTED for letter in text):
        raise BadInput(f"the network's name (ssid) {text!r} holds a control character")
    return raw


def check_password(text: str) -> str:
    """8 to 63 printable characters of ASCII (annex J.4.1). Raises BadInput."""
    if _PSK.fullmatch(text):
        raise BadInput("the Wi-Fi password is 64 hexadecimal digits, so it is a psk: write psk = instead of password =")
    if not (text.isascii() and text.isprintable()):
        raise BadInput("the Wi-Fi password holds a character that is none of the 95 of ASCII; no network takes that")
    if not 8 <= len(text) <= 63:
        raise BadInput(f"the Wi-Fi password has {len(text)} characters; there are 8 to 63")
    return text


def check_psk(text: str) -> str:
    """64 hexadecimal digits. Raises BadInput."""
    if not _PSK.fullmatch(text):
        raise BadInput("a psk is 64 hexadecimal digits, as wpa_passphrase prints; a password is written password =")
    return text.lower()


def derive_psk(password: str, ssid: bytes) -> str:
    """64 hexadecimal digits: PBKDF2-HMAC-SHA1 of 4096 rounds with the name as salt (annex J.4.1)."""
    return hashlib.pbkdf2_hmac("sha1", password.encode("ascii"), ssid, ROUNDS, PSK_BYTES).hex()
