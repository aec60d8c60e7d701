"""The machines a bundle can be for, and what their libraries must be like."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PYTHONS = ("3.11", "3.13")
"""Of Raspberry Pi OS Bookworm (Debian 12) and Trixie (Debian 13)."""
ARCHES = ("aarch64", "x86_64")
MANYLINUX = ("2014", "_2_17", "_2_24", "_2_26", "_2_27", "_2_28", "_2_31", "_2_34")
"""What Debian 12 and later can run: glibc 2.36."""


@dataclass(frozen=True, slots=True)
class Target:
    """Python and processor of a device."""

    python: str
    arch: str

    @property
    def constraints(self) -> Path | None:
        """Versions that fit what the system brings; None where the newest do."""
        return Path(__file__).resolve().parent / "bookworm.txt" if self.python == "3.11" else None

    @property
    def systemd(self) -> int:
        """Version of the system that has this Python."""
        return 252 if self.python == "3.11" else 257

    def pip_options(self) -> list[str]:
        """Makes pip choose for the target and not for the machine it runs on."""
        platforms = [f"--platform=manylinux{tag}_{self.arch}" for tag in MANYLINUX]
        return ["--only-binary=:all:", *platforms, f"--python-version={self.python}", "--implementation=cp"]

    def __str__(self) -> str:
        return f"Python {self.python} on {self.arch}"
