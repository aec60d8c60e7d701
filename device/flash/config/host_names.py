"""Names that a device and its user may have: such that every tool on the way takes them."""

from __future__ import annotations

import re

from edgevision.errors import BadInput

LONGEST_HOST = 63
"""Characters of one label (RFC 1123, section 2.1, and RFC 1035, section 2.3.4)."""
LONGEST_USER = 32
"""Characters, as useradd has it."""
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?")
_USER = re.compile(r"[a-z][a-z0-9-]*")
TAKEN = frozenset(
    # Users and groups that Raspberry Pi OS comes with, Debian's base-passwd among them.
    "root daemon bin sys sync games man lp mail news uucp proxy www-data backup list irc gnats nobody nogroup "
    "adm tty disk kmem dialout fax voice cdrom floppy tape sudo audio dip operator src shadow utmp video sasl plugdev "
    "staff users input sgx kvm render crontab netdev gpio i2c spi lpadmin scanner bluetooth ssl-cert messagebus sshd "
    "avahi polkitd rtkit dnsmasq usbmux statd tss colord pulse saned lightdm geoclue rpc nm-openvpn ntp chrony "
    "systemd-network systemd-timesync systemd-resolve systemd-journal systemd-oom systemd-coredump wheel ssh "
    # The user that systemd makes for the loop: the same name would give the loop all that a person may do.
    "edgevision".split()
)


def check_hostname(text: str) -> str:
    """One label of RFC 1123: letters, digits and - within, at most 63. Raises BadInput."""
    if len(text) > LONGEST_HOST:
        raise BadInput(f"a host name has at most {LONGEST_HOST} characters, not {len(text)}")
    if not _HOST.fullmatch(text):
        raise BadInput(f"{text!r} is no host name: letters, digits and - within{_instead(text, text)}")
    if text.isdecimal():
        raise BadInput(
            f"{text!r} is no host name: of digits alone it would be taken for an address; put a letter in it"
        )
    if text.lower() == "localhost":
        raise BadInput("localhost is what every machine calls itself; give the device a name of its own")
    return text


def check_user(text: str) -> str:
    """A name that userconf and useradd take, and that no user or group of the system has. Raises BadInput."""
    if len(text) > LONGEST_USER:
        raise BadInput(f"a user name has at most {LONGEST_USER} characters, not {len(text)}")
    if not _USER.fullmatch(text):
        hint = _instead(text, text.lower().lstrip("0123456789-_ "))
        raise BadInput(f"{text!r} is no user name: small letters, digits and -, a letter first{hint}")
    if text in TAKEN:
        raise BadInput(f"the user name {text!r} is the system's own; take another, such as 'edge'")
    return text


def _instead(text: str, start: str) -> str:
    """The nearest name that can be, made of ``start``, as a hint."""
    name = re.sub(r"[^A-Za-z0-9]+", "-", start).strip("-")
    return f"; did you mean {name!r}?" if name and name != text and not name.isdecimal() else ""
