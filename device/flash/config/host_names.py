"""Valid host names and user names: accepted by all tools involved."""

from __future__ import annotations

import re

from edgevision.errors import BadInput

LONGEST_HOST = 63
"""Maximum length of a label in characters (RFC 1123, section 2.1, and RFC 1035, section 2.3.4)."""
LONGEST_USER = 32
"""Maximum length in characters, as in useradd."""
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?")
_USER = re.compile(r"[a-z][a-z0-9-]*")
TAKEN = frozenset(
    # Users and groups of Raspberry Pi OS, including those of Debian's base-passwd.
    "root daemon bin sys sync games man lp mail news uucp proxy www-data backup list irc gnats nobody nogroup "
    "adm tty disk kmem dialout fax voice cdrom floppy tape sudo audio dip operator src shadow utmp video sasl plugdev "
    "staff users input sgx kvm render crontab netdev gpio i2c spi lpadmin scanner bluetooth ssl-cert messagebus sshd "
    "avahi polkitd rtkit dnsmasq usbmux statd tss colord pulse saned lightdm geoclue rpc nm-openvpn ntp chrony "
    "systemd-network systemd-timesync systemd-resolve systemd-journal systemd-oom systemd-coredump wheel ssh "
    # User that systemd creates for the service: with the same name the service would get all rights of the account.
    "edgevision".split()
)


def check_hostname(text: str) -> str:
    """Return a valid host name: one RFC 1123 label of letters, digits and inner hyphens, up to 63. Raises BadInput."""
    if len(text) > LONGEST_HOST:
        raise BadInput(f"the host name has {len(text)} characters; at most {LONGEST_HOST} are allowed")
    if not _HOST.fullmatch(text):
        raise BadInput(f"invalid host name {text!r}: use letters, digits and inner hyphens{_instead(text, text)}")
    if text.isdecimal():
        raise BadInput(f"invalid host name {text!r}: digits alone would be mistaken for an IP address; add a letter")
    if text.lower() == "localhost":
        raise BadInput("invalid host name 'localhost': every machine has this name; choose another one")
    return text


def check_user(text: str) -> str:
    """Return a valid user name that userconf and useradd accept and that the OS does not use. Raises BadInput."""
    if len(text) > LONGEST_USER:
        raise BadInput(f"the user name has {len(text)} characters; at most {LONGEST_USER} are allowed")
    if not _USER.fullmatch(text):
        hint = _instead(text, text.lower().lstrip("0123456789-_ "))
        raise BadInput(
            f"invalid user name {text!r}: use lowercase letters, digits and hyphens, with a letter first{hint}"
        )
    if text in TAKEN:
        raise BadInput(f"the user name {text!r} is reserved by the system; choose another one, such as 'edge'")
    return text


def _instead(text: str, start: str) -> str:
    """Return a hint with the closest valid name made from ``start``; empty if there is none."""
    name = re.sub(r"[^A-Za-z0-9]+", "-", start).strip("-")
    return f"; did you mean {name!r}?" if name and name != text and not name.isdecimal() else ""
