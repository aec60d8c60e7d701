"""Checks of the machine's health: temperature, power, clock, disk space and root file system."""

from __future__ import annotations

import time

from ..system.host import System
from ..system.process_stats import THERMAL, temperature_c
from ..system.throttling import ADVICE, now, since_start
from .result import Check

HOT_C = 80.0
"""Temperature in °C at which a Raspberry Pi starts to throttle."""
FREE_BYTES = 500 * 10**6
"""Recommended free bytes: a release with its virtual environment takes about 400 MB."""
CRAMPED_BYTES = 50 * 10**6
"""Free bytes below which the check fails instead of warning."""
OLDEST_TIME = 1_767_225_600
"""1 January 2026 as a Unix time; a clock that shows less is wrong."""


def checks(system: System) -> tuple[Check, ...]:
    """Return the five checks."""
    return _temperature(system), _power(system), _clock(system), _disk(system), _root(system)


def _temperature(system: System) -> Check:
    found = temperature_c(system.path(str(THERMAL)))
    if found is None:
        return Check("temperature", None, "unknown: the kernel reports none", needed=False)
    ok = found < HOT_C
    advice = None if ok else "improve the airflow or add a heat sink"
    return Check("temperature", ok, f"{found:.0f} °C", expected=f"below {HOT_C:g} °C", fix=advice, needed=False)


def _power(system: System) -> Check:
    bits = system.throttled()
    if bits is None:
        if not system.raspberry_pi:
            return Check("throttling", None, "reported by a Raspberry Pi only", needed=False)
        fix = f"sudo usermod -aG video {system.user}, then log in again and try: vcgencmd get_throttled"
        return Check("throttling", None, "unknown: this user may not ask the firmware", fix=fix, needed=False)
    holding, earlier = now(bits), since_start(bits)
    names = tuple(dict.fromkeys(holding + earlier))
    if not names:
        return Check("throttling", True, "none since boot", expected="none", needed=False)
    told = [f"{name.replace('_', ' ')} {'now' if name in holding else 'since boot'}" for name in names]
    fix = (
        "; ".join(REMEDY[name] for name in names if name in REMEDY)
        or "use a stronger power supply, and improve the airflow or add a heat sink"
    )
    return Check("throttling", False, f"{', '.join(told)} (0x{bits:x})", expected="none", fix=fix, needed=False)


REMEDY = {
    # the other two bits are consequences of these
    "under_voltage": f"{ADVICE['under_voltage']}: use the official one (5.1 V, 3 A; 5 A for a Pi 5)",
    "soft_temperature_limit": ADVICE["soft_temperature_limit"],
}


def _clock(system: System) -> Check:
    """Check the clock: a Pi has none that runs without power (a Pi 5 has one if a battery is fitted)."""
    shown = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(system.now()))
    fix = "sudo timedatectl set-ntp true; without a network, add a battery-backed clock"
    if system.now() < OLDEST_TIME:
        return Check("clock", False, f"{shown}: wrong", expected="right", fix=fix, needed=False)
    synchronized = system.synchronized()
    if synchronized is None:
        return Check("clock", None, f"{shown}; unknown whether it is synchronized", needed=False)
    state = "synchronized" if synchronized else "not synchronized"
    wrong = None if synchronized else fix
    return Check("clock", synchronized, f"{shown}, {state}", expected="synchronized", fix=wrong, needed=False)


def _disk(system: System) -> Check:
    free, whole = system.disk(system.root)
    ok = free >= FREE_BYTES
    return Check(
        "disk",
        ok,
        f"{_size(free)} of {_size(whole)} free",
        expected=f"{_size(FREE_BYTES)} free",
        fix=None if ok else "sudo apt clean; sudo journalctl --vacuum-size=50M; sudo raspi-config --expand-rootfs",
        needed=free < CRAMPED_BYTES,
    )


def _root(system: System) -> Check:
    """Check whether changes to the root file system persist."""
    mounts = [line.split() for line in system.read("/proc/mounts").splitlines()]
    found = [fields for fields in mounts if len(fields) >= 4 and fields[1] == "/"]
    if not found:
        return Check("root file system", None, "unknown: /proc/mounts does not list it", needed=False)
    _, _, kind, options, *_ = found[-1]
    if "ro" in options.split(","):
        fix = (
            "sudo mount -o remount,rw / (permanently: remove ro in /etc/fstab); the SD card may be worn out: "
            "dmesg | grep -i mmc"
        )
        return Check("root file system", False, f"{kind}, read-only", expected="writable", fix=fix, needed=False)
    if kind == "overlay" and system.raspberry_pi:
        fix = "before installing anything: sudo raspi-config nonint do_overlayfs 1, then reboot"
        return Check("root file system", False, "overlay: changes are lost at reboot", fix=fix, needed=False)
    return Check("root file system", True, f"{kind}, writable")


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 10**9 else f"{count / 1e6:.0f} MB"
