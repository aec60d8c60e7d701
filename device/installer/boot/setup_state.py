"""How far the installation of the card's bundle came, kept on the root file system, which survives power cuts better."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ..base.atomic_files import place_text
from .setup_unit import HOME

FILE = HOME / "state.json"


@dataclass(frozen=True, slots=True)
class SetupState:
    """What one start leaves to the next."""

    attempts: int = 0
    """Begun, and not known to have ended."""
    settled: bool = False
    """Whether the card's settings were gone through to their end."""
    problems: tuple[str, ...] = ()
    """Settings that could not be made, one line each."""
    said: str = ""
    """What was reached; empty until the service runs."""

    @classmethod
    def load(cls, root: Path) -> SetupState:
        """A fresh one where there is none, or a damaged one."""
        try:
            value = json.loads((root / FILE).read_text(encoding="utf-8"))
            problems = tuple(map(str, value["problems"]))
            return cls(int(value["attempts"]), bool(value["settled"]), problems, str(value["said"]))
        except (OSError, ValueError, KeyError, TypeError):
            return cls()

    def save(self, root: Path) -> None:
        """Raises OSError."""
        place_text(root / FILE, json.dumps(asdict(self)) + "\n")

    def settings_made(self, problems: Sequence[str]) -> SetupState:
        """After the settings were made."""
        return replace(self, settled=True, problems=tuple(problems))

    def begun(self) -> SetupState:
        """One more attempt."""
        return replace(self, attempts=self.attempts + 1)

    def ended(self) -> SetupState:
        """An attempt came to an end, if not to a good one."""
        return replace(self, attempts=0)

    def reached(self, said: str) -> SetupState:
        """The service runs."""
        return replace(self, said=said)
