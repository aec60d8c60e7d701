"""Checks of Python, its pointer width, the operating system and the board."""

from __future__ import annotations

from edgevision import __version__

from ..system.host import System
from .result import Check

PYTHONS = ((3, 11), (3, 13))
"""Oldest and newest Python version that edgevision and its runtimes have packages for."""
SIXTY_FOUR = "a 64-bit Raspberry Pi OS (Imager: 'Raspberry Pi OS Lite (64-bit)')"
BY_APT = "sudo apt install python3-numpy python3-opencv; then, in a virtual environment with --system-site-packages:"


def checks(system: System) -> tuple[Check, ...]:
    """Return the five checks."""
    return Check("edgevision", True, __version__), _python(system), _pointers(system), _system(system), _board(system)


def _python(system: System) -> Check:
    oldest, newest = (".".join(map(str, version)) for version in PYTHONS)
    ok = PYTHONS[0] <= system.python[:2] <= PYTHONS[1]
    return Check(
        "Python",
        ok,
        ".".join(map(str, system.python)),
        expected=f"{oldest} to {newest}",
        fix=None if ok else f"make a virtual environment with Python {oldest} to {newest}",
    )


def _pointers(system: System) -> Check:
    if system.pointer_bits == 64:
        return Check("pointers", True, "64 bit", expected="64 bit")
    if system.kernel.startswith("armv6"):
        return Check(
            "pointers",
            False,
            f"32 bit, processor {system.kernel}: no TFLite runtime is available for it",
            expected="64 bit",
            fix="use a Raspberry Pi Zero 2 W, 3, 4 or 5",
        )
    wide = system.kernel in ("aarch64", "arm64", "x86_64")
    kernel = (
        f"under a 64-bit kernel ({system.kernel}), which makes pip mistake it for a 64-bit system"
        if wide
        else system.kernel
    )
    bookworm = system.release.get("VERSION_CODENAME") == "bookworm"
    small = f"; or keep this one: {BY_APT} pip install tflite-runtime" if bookworm else ""
    return Check(
        "pointers",
        False,
        f"32 bit, {kernel}; PyPI has no LiteRT, numpy or OpenCV for it",
        expected="64 bit",
        fix=f"install {SIXTY_FOUR}{small}",
        needed=not bookworm,
    )


def _system(system: System) -> Check:
    name = system.release.get("PRETTY_NAME") or "unknown"
    kernel = system.read("/proc/sys/kernel/osrelease")
    return Check("system", True if kernel else None, f"{name}, kernel {kernel or 'unknown'} {system.kernel}")


def _board(system: System) -> Check:
    cores = system.read("/proc/cpuinfo").count("processor\t")
    size = next((int(line.split()[1]) for line in system.read("/proc/meminfo").splitlines() if "MemTotal" in line), 0)
    what = system.board or f"not a Raspberry Pi ({system.kernel})"
    facts = [what, f"{cores} cores" if cores else "", f"{size * 1024 / 1e6:.0f} MB of memory" if size else ""]
    return Check("board", True if system.board else None, ", ".join(fact for fact in facts if fact))
