"""SSID and key of a Wi-Fi network (IEEE 802.11-2020). Messages never contain a password."""

from __future__ import annotations

import hashlib
import re
import unicodedata

from edgevision.errors import BadInput

LONGEST_SSID = 32
"""Maximum SSID length in bytes (9.4.2.2)."""
ROUNDS = 4096
PSK_BYTES = 32
_PSK = re.compile(r"[0-9A-Fa-f]{64}")
_UNWANTED = frozenset({"Cc", "Zl", "Zp"})
"""Control characters and line separators: never typed, and later readers might misinterpret them."""


def check_ssid(text: str) -> bytes:
    """Return a valid SSID: 1 to 32 bytes of UTF-8 without control characters. Raises BadInput."""
    raw = text.encode()
    if not raw:
        raise BadInput("the network's name (ssid) is empty")
    if len(raw) > LONGEST_SSID:
        raise BadInput(f"the network's name (ssid) has {len(raw)} bytes; at most {LONGEST_SSID} are allowed")
    if any(unicodedata.category(letter) in _UNWANTED for letter in text):
        raise BadInput(f"the network's name (ssid) {text!r} contains a control character")
    return raw


def check_password(text: str) -> str:
    """Return a valid password: 8 to 63 printable ASCII characters (annex J.4.1). Raises BadInput."""
    if _PSK.fullmatch(text):
        raise BadInput("the Wi-Fi password has 64 hexadecimal digits, so it is a psk; use psk = instead of password =")
    if not (text.isascii() and text.isprintable()):
        raise BadInput(
            "the Wi-Fi password contains a character that is not printable ASCII, which Wi-Fi does not allow"
        )
    if not 8 <= len(text) <= 63:
        raise BadInput(f"the Wi-Fi password has {len(text)} characters; it must have 8 to 63")
    return text


def check_psk(text: str) -> str:
    """Return a valid psk: 64 hexadecimal digits. Raises BadInput."""
    if not _PSK.fullmatch(text):
        raise BadInput(
            "a psk must have 64 hexadecimal digits, as printed by wpa_passphrase; use password = for a password"
        )
    return text.lower()


def derive_psk(password: str, ssid: bytes) -> str:
    """Return the psk as 64 hexadecimal digits: PBKDF2-HMAC-SHA1, 4096 rounds, SSID as salt (annex J.4.1)."""
    return hashlib.pbkdf2_hmac("sha1", password.encode("ascii"), ssid, ROUNDS, PSK_BYTES).hex()
