"""Target devices of a bundle, the wheels that run on them, and the forms in which it reaches them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

PYTHONS = ("3.11", "3.13")
"""Python versions of Raspberry Pi OS Bookworm (Debian 12) and Trixie (Debian 13)."""
ARCHES = ("aarch64", "x86_64")
MANYLINUX = ("2014", "_2_17", "_2_24", "_2_26", "_2_27", "_2_28", "_2_31", "_2_34")
"""Manylinux tags that Debian 12 (glibc 2.36) and later can run."""

Form = Literal["bundle", "deb", "oci"]
FORMS: tuple[Form, ...] = get_args(Form)
SUFFIXES: Mapping[Form, str] = {"bundle": ".tar.xz", "deb": ".deb", "oci": "-oci"}
"""End of the name of what is written, by form."""


@dataclass(frozen=True, slots=True)
class Target:
    """Python version and processor architecture of a device."""

    python: str
    arch: str

    @property
    def constraints(self) -> Path | None:
        """pip constraints file for versions that fit the system's own packages; None: no constraints."""
        return Path(__file__).resolve().parent / "bookworm.txt" if self.python == "3.11" else None

    @property
    def systemd(self) -> int:
        """systemd version of the OS with this Python version."""
        return 252 if self.python == "3.11" else 257

    def pip_options(self) -> list[str]:
        """Return pip options that select wheels for the target instead of this machine."""
        platforms = [f"--platform=manylinux{tag}_{self.arch}" for tag in MANYLINUX]
        return ["--only-binary=:all:", *platforms, f"--python-version={self.python}", "--implementation=cp"]

    def __str__(self) -> str:
        return f"Python {self.python} on {self.arch}"
