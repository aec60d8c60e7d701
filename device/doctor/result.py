"""The result of a check, and sections of checks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Check:
    """One check: its subject, what was found, and how to fix it."""

    name: str
    ok: bool | None
    """Whether the check passed; None if it does not apply or cannot be determined, and nothing depends on it."""
    found: str
    expected: str | None = None
    fix: str | None = None
    """A command or one sentence."""
    needed: bool = True
    """Whether edgevision cannot work while this check fails; a failed check that is not needed is only a warning."""

    @property
    def broken(self) -> bool:
        """Whether something required does not work."""
        return self.ok is False and self.needed

    def to_json(self) -> dict[str, Any]:
        """Return the check as JSON values."""
        return {name: getattr(self, name) for name in ("name", "ok", "found", "expected", "fix", "needed")}


@dataclass(frozen=True, slots=True)
class Section:
    """The checks of one subject, under a title."""

    title: str
    checks: tuple[Check, ...]
