"""One line of the doctor's report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Check:
    """What was looked at, what was found, and what to do."""

    name: str
    ok: bool | None
    """None: it is not here, or cannot be told, and nothing depends on it."""
    found: str
    expected: str | None = None
    fix: str | None = None
    """A command, or one sentence."""
    needed: bool = True
    """Whether edgevision cannot do its work while this is not ok; False: only a warning."""

    @property
    def broken(self) -> bool:
        """Something that is needed does not work."""
        return self.ok is False and self.needed

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {name: getattr(self, name) for name in ("name", "ok", "found", "expected", "fix", "needed")}


@dataclass(frozen=True, slots=True)
class Section:
    """Checks of one subject."""

    title: str
    checks: tuple[Check, ...]
